//! What a model costs.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::units;

/// Defines what has a figure for every class of tokens, so that none of them is forgotten in one of the places.
macro_rules! figures {
    (
        $(#[doc = $doc:literal])*
        $name:ident { $($(#[$of:meta])* $before:ident: $type:ty,)* .. $($(#[$off:meta])* $behind:ident: $kind:ty,)* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$of])* pub $before: $type,)*
            /// Input that comes from no cache.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub input: Option<Usd>,
            /// Output, reasoning included where `reasoning` is not written.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub output: Option<Usd>,
            /// Input read from the provider's cache.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub cache_read: Option<Usd>,
            /// Input written to the provider's cache, however long it lives there where `cache_write_1h` is not written.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub cache_write: Option<Usd>,
            /// Input written to the provider's cache for an hour.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub cache_write_1h: Option<Usd>,
            /// Output that is reasoning.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub reasoning: Option<Usd>,
            /// Input that is sound.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub audio_input: Option<Usd>,
            /// Output that is sound.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub audio_output: Option<Usd>,
            /// Input that is pictures.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub image_input: Option<Usd>,
            /// Output that is pictures.
            #[serde(default)]
            #[schemars(with = "Option<units::Dollars>")]
            pub image_output: Option<Usd>,
            $($(#[$off])* pub $behind: $kind,)*
        }

        impl $name {
            /// What is written of each class of tokens, by the key it is written under.
            pub fn figures(&self) -> [(&'static str, Option<Usd>); 10] {
                [
                    ("input", self.input),
                    ("output", self.output),
                    ("cache_read", self.cache_read),
                    ("cache_write", self.cache_write),
                    ("cache_write_1h", self.cache_write_1h),
                    ("reasoning", self.reasoning),
                    ("audio_input", self.audio_input),
                    ("audio_output", self.audio_output),
                    ("image_input", self.image_input),
                    ("image_output", self.image_output),
                ]
            }
        }
    };
}

figures! {
    /// What a model costs, in US dollars for a million tokens. What is not written is as the list has it that comes with the
    /// gateway; of a model that is not in it, `input` and `output` must be written, and the rest is as they are.
    Price {
        ..
        /// What larger calls cost, in place of what the list has: the smallest `above` first, each with what changes there.
        #[serde(default)]
        tiers: Vec<PriceTier>,
        /// What a batch costs, in percent of all of it.
        #[serde(default)]
        #[schemars(range(min = 1, max = 100))]
        batch: Option<u32>,
    }
}

figures! {
    /// What a whole call costs once its input is larger. What is not written is as in the tier below.
    PriceTier {
        /// The tokens of input, cached or not, above which it counts.
        #[schemars(range(min = 1))]
        above: u64,
        ..
    }
}

/// An amount of money, in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Usd(pub u64);

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        units::micros(&text).map(Self).ok_or_else(|| D::Error::custom("no amount of dollars"))
    }
}
