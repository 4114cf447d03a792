//! The classes of tokens that are priced apart.

/// A class of tokens with a figure of its own. Classes do not overlap in a sum: tokens of audio, say, are counted at
/// their own figure and not at their whole's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What goes in and comes from no cache.
    Input,
    /// What comes out. 0 where nothing does, as with embeddings.
    Output,
    /// Input read from the provider's prompt cache.
    CacheRead,
    /// Input written to the provider's prompt cache, where it lives five minutes.
    CacheWrite,
    /// Input written to the provider's prompt cache, where it lives an hour.
    CacheWrite1h,
    /// Output that is reasoning.
    Reasoning,
    /// Input that is audio.
    AudioInput,
    /// Output that is audio.
    AudioOutput,
    /// Input that is pictures.
    ImageInput,
    /// Output that is pictures.
    ImageOutput,
}

/// What there is to know of a class, by its number.
struct Facts {
    name: &'static str,
    /// Whose figure counts where it has none.
    otherwise: Option<Class>,
    /// The class whose name, in the words of an operator, means this one too.
    included_in: Option<Class>,
    comes_out: bool,
}

impl Class {
    /// Every class, in the order of the table's columns.
    pub const ALL: [Self; 10] = [
        Self::Input,
        Self::Output,
        Self::CacheRead,
        Self::CacheWrite,
        Self::CacheWrite1h,
        Self::Reasoning,
        Self::AudioInput,
        Self::AudioOutput,
        Self::ImageInput,
        Self::ImageOutput,
    ];

    /// Its name in the table's head.
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The class whose figure counts where this one has none: what is said of absent figures is said here. Input and
    /// output stand for themselves, so that no price is without them.
    pub fn otherwise(self) -> Option<Self> {
        self.facts().otherwise
    }

    /// The class in which an operator's figure includes this one: output is meant with its reasoning, and what is
    /// written to a cache however long it lives there.
    pub fn included_in(self) -> Option<Self> {
        self.facts().included_in
    }

    /// Whether it is output.
    pub fn comes_out(self) -> bool {
        self.facts().comes_out
    }

    fn facts(self) -> Facts {
        let input = |name| Facts { name, otherwise: Some(Self::Input), included_in: None, comes_out: false };
        let output = |name| Facts { name, otherwise: Some(Self::Output), included_in: None, comes_out: true };
        match self {
            Self::Input => Facts { otherwise: None, ..input("input") },
            Self::Output => Facts { otherwise: None, ..output("output") },
            Self::CacheRead => input("cache_read"),
            Self::CacheWrite => input("cache_write"),
            Self::CacheWrite1h => Facts {
                otherwise: Some(Self::CacheWrite),
                included_in: Some(Self::CacheWrite),
                ..input("cache_write_1h")
            },
            Self::Reasoning => Facts { included_in: Some(Self::Output), ..output("reasoning") },
            Self::AudioInput => input("audio_input"),
            Self::AudioOutput => output("audio_output"),
            Self::ImageInput => input("image_input"),
            Self::ImageOutput => output("image_output"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_in_the_order_of_the_list() {
        for (number, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class as usize, number, "{}", class.name());
        }
    }

    #[test]
    fn every_class_falls_back_to_a_side_of_its_own() {
        for class in Class::ALL {
            let mut last = class;
            for next in std::iter::successors(class.otherwise(), |class| class.otherwise()).take(3) {
                last = next;
            }
            let side = if class.comes_out() { Class::Output } else { Class::Input };
            assert_eq!(last, side, "{}", class.name());
        }
    }
}
