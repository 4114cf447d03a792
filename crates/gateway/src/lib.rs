//! The only crate with sockets, tasks and a clock: the life of a request.
