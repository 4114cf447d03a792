//! What must outlive a request: the record of every call.
