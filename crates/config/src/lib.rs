//! What the operator wrote: strict, documented, with errors that name the place.
