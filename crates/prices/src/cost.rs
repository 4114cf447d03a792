//! What a call cost, and what one may cost at most.
//!
//! Figures are micro-dollars for a million tokens, so a product of tokens and figure is exact in picodollars; the sum of
//! all is rounded once.

use lockgate_protocol::ir::Usage;

use crate::{Class, MicroUsd, Price};

impl Price {
    /// What a call cost: every token once, at the figure of its class, in the tier of the call's whole input. The sum is
    /// exact and rounded once, half up.
    pub fn cost(&self, usage: &Usage) -> MicroUsd {
        let figures = self.at(usage.total_input());
        let picos = split(usage)
            .into_iter()
            .map(|(class, tokens)| picos(tokens, figures.of(class)))
            .fold(0, u128::saturating_add);
        MicroUsd::of_picos(picos)
    }

    /// What a call of at most so many tokens in and out costs at most: all of the input of the dearest class that goes
    /// in, all of the output of the dearest that comes out, in the dearest tier that can be reached. For reservations.
    pub fn worst(&self, input: u64, max_output: u64) -> MicroUsd {
        let dearest = |comes_out: bool| {
            let classes = Class::ALL.into_iter().filter(|class| class.comes_out() == comes_out);
            let figures = || std::iter::once(self.base()).chain(self.reached(input));
            classes
                .flat_map(|class| figures().map(move |figures| figures.of(class)))
                .max()
                .unwrap_or_default()
        };
        let picos = picos(input, dearest(false)).saturating_add(picos(max_output, dearest(true)));
        MicroUsd::of_picos(picos)
    }
}

fn picos(tokens: u64, figure: u64) -> u128 {
    u128::from(tokens) * u128::from(figure)
}

/// A call's tokens by class, none of them twice.
///
/// A part that claims more than is left of its whole is what is left: audio in a prompt that came from a cache in part is
/// taken to be in the rest, which is the dearer guess, since nobody reports how much of a cache was audio.
fn split(usage: &Usage) -> [(Class, u64); Class::ALL.len()] {
    let mut input = usage.input;
    let audio_input = take(&mut input, usage.audio_input);
    let image_input = take(&mut input, usage.image_input);
    let mut written = usage.cache_write;
    let written_1h = take(&mut written, usage.cache_write_1h);
    let mut output = usage.output;
    let audio_output = take(&mut output, usage.audio_output);
    let image_output = take(&mut output, usage.image_output);
    let reasoning = take(&mut output, usage.reasoning);
    [
        (Class::Input, input),
        (Class::Output, output),
        (Class::CacheRead, usage.cache_read),
        (Class::CacheWrite, written),
        (Class::CacheWrite1h, written_1h),
        (Class::Reasoning, reasoning),
        (Class::AudioInput, audio_input),
        (Class::AudioOutput, audio_output),
        (Class::ImageInput, image_input),
        (Class::ImageOutput, image_output),
    ]
}

/// Takes a part out of what is left of a whole.
fn take(rest: &mut u64, part: u64) -> u64 {
    let part = part.min(*rest);
    *rest -= part;
    part
}

#[cfg(test)]
mod tests;
