//! Goes on with an answer that broke off after part of it was sent: another deployment is asked to continue exactly where
//! the client's text ends.
//!
//! [`Said`] notes what the client was sent, and whether that can be continued. [`Manner`] is how a provider is asked to,
//! [`Said::request`] the request that asks it. [`Seam`] stands between the events of the continuation and the client: it
//! takes off what opens a second answer, and what is repeated of the first; what was sent stays as it is.
//! Both are worked by [`crate::translate::Stream`], whose one encoder writes all parts of the answer.

mod manner;
mod overlap;
mod request;
mod said;
mod seam;

pub use manner::{Manner, Prefill};
pub use said::{Obstacle, Said};
pub use seam::Seam;
