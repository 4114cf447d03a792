//! The bounds of histograms. Those of durations and tokens are what OpenTelemetry's conventions for generative AI ask for.

/// From microseconds to minutes, in microseconds: the gateway's own work and its waiting.
pub(crate) const WORK: &[u64] = &[
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    300_000_000,
];

/// Whole calls, in microseconds.
pub(crate) const DURATION: &[u64] = &[
    10_000, 20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 5_120_000, 10_240_000,
    20_480_000, 40_960_000, 81_920_000,
];

/// First tokens, in microseconds.
pub(crate) const FIRST_TOKEN: &[u64] = &[
    1_000, 5_000, 10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 250_000, 500_000, 750_000, 1_000_000,
    2_500_000, 5_000_000, 7_500_000, 10_000_000,
];

/// Tokens behind the first, in microseconds.
pub(crate) const OUTPUT_TOKEN: &[u64] = &[
    10_000, 25_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 400_000, 500_000, 750_000, 1_000_000,
    2_500_000,
];

/// Tokens of one call.
pub(crate) const TOKENS: &[u64] =
    &[1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
