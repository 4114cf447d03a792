//! Lists of a chunk, which nearly always have one item.

use std::{fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, de};

/// A list that has one item nearly always, which then needs no memory of its own: a vector makes room for four at once,
/// and the chunks of a stream are many.
#[derive(Debug)]
pub(super) struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<T> Few<T> {
    /// True if there is no item.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: None, rest: Vec::new() }
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<std::option::IntoIter<T>, std::vec::IntoIter<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.rest)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Few<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<S: de::SeqAccess<'de>>(self, mut seq: S) -> Result<Few<T>, S::Error> {
                let mut few = Few { first: seq.next_element()?, rest: Vec::new() };
                while let Some(item) = seq.next_element()? {
                    few.rest.push(item);
                }
                Ok(few)
            }
        }

        deserializer.deserialize_seq(Visitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_items_are_all_of_them() {
        for (list, expect) in [("[]", &[][..]), ("[1]", &[1]), ("[1,2,3]", &[1, 2, 3])] {
            let few: Few<u64> = serde_json::from_str(list).unwrap();
            assert_eq!(few.is_empty(), expect.is_empty());
            assert_eq!(few.iter().copied().collect::<Vec<_>>(), expect);
            assert_eq!(few.into_iter().collect::<Vec<_>>(), expect);
        }
    }
}
