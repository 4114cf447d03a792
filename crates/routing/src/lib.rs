//! Pure: from a model to the ordered deployments of one call, and what to do after a fault.
