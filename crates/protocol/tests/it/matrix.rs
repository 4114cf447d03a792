//! Every dialect to every dialect, over every exchange that was recorded or written by hand: what holds in each cell.

mod answers;
mod cases;
mod counts;
mod differ;
mod fold;
mod generated;
mod gist;
mod goldens;
mod requests;
mod streams;
