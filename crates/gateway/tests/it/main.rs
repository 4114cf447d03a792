//! The gateway against the mock provider and against raw sockets, over real loopback connections.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on fails, and measures real time"
)]

mod aborts;
mod accounts;
mod admin;
mod alerts;
mod arrays;
mod aws;
mod budgets;
mod canaries;
mod catalogue;
mod cloak;
mod commit;
mod company;
mod conversations;
mod counts;
mod credentials;
mod cuts;
mod drain;
mod embeddings;
mod errors;
mod failover;
mod foreign;
mod google;
mod h2;
mod head;
mod health;
mod hedging;
mod house;
mod invoke;
mod journal;
mod keys;
mod limits;
mod listen;
mod local;
mod login;
mod matrix;
mod memory;
mod metrics;
mod openapi;
mod outage;
mod overhead;
mod passthrough;
mod prices;
mod quirks;
mod raw;
mod reload;
mod retried;
mod reuse;
mod routes;
mod scenarios;
mod seen;
mod telemetry;
mod tls;
mod training;
mod truth;
mod ways_out;
