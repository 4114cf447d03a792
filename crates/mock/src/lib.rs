//! A provider that needs no key: strict as the real ones, deterministic, with faults on demand.
