//! Pure: from a model to the ordered deployments of one call, what to do after a fault, and what is learned from it.
//!
//! Time and dice are arguments. A deployment is a number here: what it stands for is the gateway's business.
//!
//! A call asks its model's [`Pool`] for an [`Order`] and follows it by a [`Course`]. At each deployment it takes part by
//! the [`Ticket`] that the deployment's [`Health`] gives it, and hands in what became of it. The [`Budget`] bounds what
//! all calls together may try again.

mod best_first;
mod budget;
mod course;
mod draw;
mod health;
mod pool;
mod span;
mod strategies;
mod strategy;

pub use budget::{Budget, BudgetStatus};
pub use course::{Course, Moment, Next, Policy};
pub use health::{Account, Blocked, Certainty, Health, Rules, Standing, State, Status, Ticket, Why};
pub use pool::{Ask, Explained, Leg, List, Order, Pool};
pub use strategies::{STRATEGIES, find};
pub use strategy::{Member, StrategyRow};
