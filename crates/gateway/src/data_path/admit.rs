//! admit: may this key use this model for this, and whom may it have answered by.

use lockgate_protocol::ir::Fault;

use crate::{
    data_path::{call::Call, identify::Asked},
    fleet::Plan,
};

/// Refuses a model or an operation that the caller's key does not allow.
pub(crate) fn admit(call: &Call, asked: &Asked) -> Result<(), Fault> {
    match &call.caller {
        Some(caller) => caller.admit(&asked.model, asked.operation),
        None => Ok(()),
    }
}

/// Leaves only the deployments of providers that the caller's key allows.
pub(crate) fn narrow(call: &Call, asked: &Asked, mut plan: Plan) -> Result<Plan, Fault> {
    let Some(caller) = call.caller.as_ref().filter(|caller| caller.is_kept_to_providers()) else {
        return Ok(plan);
    };
    if !plan.is_empty() {
        plan.retain(|deployment| caller.may_reach(&deployment.provider.name));
        if plan.is_empty() {
            return Err(caller.reaches_nobody(&asked.model));
        }
    }
    Ok(plan)
}
