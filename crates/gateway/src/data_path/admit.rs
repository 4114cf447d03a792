//! admit: may this key use this model.

use lockgate_protocol::ir::{Fault, FaultKind};

use crate::data_path::{call::Call, identify::Asked};

/// Refuses a model that the caller's key does not allow.
pub(crate) fn admit(call: &Call, asked: &Asked) -> Result<(), Fault> {
    match &call.caller {
        Some(caller) if !caller.may_use(&asked.model) => {
            let text = format!("the key `{}` may not use the model `{}`", caller.name, asked.model);
            Err(Fault::new(FaultKind::Forbidden, text))
        }
        _ => Ok(()),
    }
}
