//! Pure: from a model to the ordered deployments of one call, and what to do after a fault.
//!
//! Time and dice are arguments. A deployment is a number here: what it stands for is the gateway's business.

mod course;
mod pool;
mod strategies;
mod strategy;

pub use course::{Course, Next, Policy};
pub use pool::Pool;
pub use strategies::{STRATEGIES, find};
pub use strategy::{Member, Strategy, StrategyRow};
