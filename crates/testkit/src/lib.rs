//! Test helpers: fixture loader, stream splitter, process runner.
