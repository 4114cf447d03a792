//! Tables of TOML under construction: which of them may be said again, and which may not.

use std::collections::HashMap;

use crate::span::{Place, Span};
use crate::tree::{Entry, Kind, Node};

/// A part of a dotted key.
pub(super) struct Key {
    pub(super) text: String,
    pub(super) span: Span,
}

/// A table, with what it was made by.
pub(super) struct Table {
    slots: Vec<(Key, Item)>,
    places: HashMap<String, usize>,
    made: Made,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Made {
    /// By its own header, or as the whole file or what is in braces.
    Header,
    /// By the header of a table inside of it: it may still have one of its own.
    Inside,
    /// By a dotted key: it may get more keys by others.
    Dotted,
}

/// What a key stands for.
pub(super) enum Item {
    /// Something finished, which also `{ ... }` and `[ ... ]` are.
    Value(Node),
    Table(Table),
    /// The tables of `[[name]]`.
    Tables(Vec<Node>, Span, Box<Table>),
}

/// A key that may not stand where it does.
pub(super) struct Clash {
    pub(super) key: String,
    pub(super) span: Span,
    /// Where the key is that it gets into the way of.
    pub(super) first: Place,
    /// Whether that has a value which nothing can be put into.
    pub(super) is_value: bool,
}

/// The keys of a path that are the same as earlier ones: where those first stood, and where they stand again.
pub(super) type Repeated = Vec<(Span, Span)>;

impl Table {
    pub(super) fn written() -> Self {
        Self::made(Made::Header)
    }

    fn made(made: Made) -> Self {
        Self { slots: Vec::new(), places: HashMap::new(), made }
    }

    /// The table of a header; of `[[name]]` a new one.
    pub(super) fn enter(
        &mut self,
        path: &[Key],
        is_list: bool,
        repeated: &mut Repeated,
    ) -> Result<&mut Self, Clash> {
        let Some((last, front)) = path.split_last() else { return Ok(self) };
        let mut table = self;
        for key in front {
            let (at, first) = table.slot(key, || Item::Table(Self::made(Made::Inside)));
            repeated.push((first, key.span));
            table = match &mut table.slots[at].1 {
                Item::Table(inner) => inner,
                Item::Tables(.., newest) => newest,
                Item::Value(_) => return Err(clash(key, first, true)),
            };
        }
        let is_new = !table.places.contains_key(&last.text);
        let (at, first) = table.slot(last, || match is_list {
            true => Item::Tables(Vec::new(), last.span, Box::new(Self::written())),
            false => Item::Table(Self::written()),
        });
        repeated.push((first, last.span));
        match &mut table.slots[at].1 {
            Item::Tables(earlier, span, newest) if is_list => {
                if !is_new {
                    let finished = std::mem::replace(&mut **newest, Self::written());
                    earlier.push(Node { span: *span, kind: finished.kind() });
                }
                *span = last.span;
                Ok(newest)
            }
            Item::Table(inner) if !is_list && (is_new || inner.made == Made::Inside) => {
                inner.made = Made::Header;
                Ok(inner)
            }
            _ => Err(clash(last, first, false)),
        }
    }

    /// Puts a value at a key.
    pub(super) fn put(
        &mut self,
        mut path: Vec<Key>,
        item: Item,
        repeated: &mut Repeated,
    ) -> Result<(), Clash> {
        let Some(last) = path.pop() else { return Ok(()) };
        let mut table = self;
        for key in &path {
            let (at, first) = table.slot(key, || Item::Table(Self::made(Made::Dotted)));
            repeated.push((first, key.span));
            table = match &mut table.slots[at].1 {
                Item::Table(inner) if inner.made != Made::Header => inner,
                Item::Value(_) => return Err(clash(key, first, true)),
                _ => return Err(clash(key, first, false)),
            };
            table.made = Made::Dotted;
        }
        if let Some(at) = table.places.get(&last.text) {
            return Err(clash(&last, table.slots[*at].0.span, false));
        }
        table.places.insert(last.text.clone(), table.slots.len());
        table.slots.push((last, item));
        Ok(())
    }

    /// Where the item of a key is, which is made if it is not there, and where its key stands.
    fn slot(&mut self, key: &Key, make: impl FnOnce() -> Item) -> (usize, Span) {
        let at = *self.places.entry(key.text.clone()).or_insert(self.slots.len());
        if at == self.slots.len() {
            self.slots.push((Key { text: key.text.clone(), span: key.span }, make()));
        }
        (at, self.slots[at].0.span)
    }

    /// What the tree has for it.
    pub(super) fn kind(self) -> Kind {
        let entry = |(key, item): (Key, Item)| {
            let at = |kind| Node { span: key.span, kind };
            let value = match item {
                Item::Value(node) => node,
                Item::Table(table) => at(table.kind()),
                Item::Tables(mut tables, span, newest) => {
                    tables.push(Node { span, kind: newest.kind() });
                    at(Kind::Sequence(tables))
                }
            };
            Entry { key: key.text, key_span: key.span, value, comment: None }
        };
        Kind::Mapping(self.slots.into_iter().map(entry).collect())
    }
}

fn clash(key: &Key, first: Span, is_value: bool) -> Clash {
    Clash { key: key.text.clone(), span: key.span, first: first.start, is_value }
}
