//! What is told of deployments and credentials.

use lockgate_protocol::ir::{Fault, FaultKind};

use super::{Alert, Alerts, Kind};
use crate::{clock, fleet::Deployment};

/// The faults that are a credential's, whatever it is asked for: a person has to do something about them.
const OF_CREDENTIALS: &[(FaultKind, Kind, &str)] = &[
    (FaultKind::KeyRefused, Kind::KeyFault, "replace it or its rights"),
    (FaultKind::QuotaExhausted, Kind::Quota, "top it up or raise its limit"),
];

/// A deployment is left alone from now on. Of one that shares the fate of its credential, the credential's is told.
pub(crate) fn left_alone(alerts: &Alerts, deployment: &Deployment, fault: &Fault) {
    if !refused(alerts, deployment, fault) {
        let text = format!("it fails and is left alone for now: {fault}");
        alerts.raise(Alert::new(Kind::Deployment, &*deployment.name, text));
    }
}

/// A fault of a deployment's credential, if it is one. True if it is.
pub(crate) fn refused(alerts: &Alerts, deployment: &Deployment, fault: &Fault) -> bool {
    let Some((_, kind, remedy)) = OF_CREDENTIALS.iter().find(|(of, ..)| *of == fault.kind) else {
        return false;
    };
    alerts.raise(Alert::new(
        *kind,
        credential(deployment),
        format!("{remedy}; it is left alone for now: {fault}"),
    ));
    true
}

/// A deployment has answered. One that had been asked before, and answers while it is left alone, is not back.
pub(crate) fn answers(alerts: &Alerts, deployment: &Deployment) {
    let is_open = |kind| alerts.is_open(kind);
    let of_credential = || OF_CREDENTIALS.iter().map(|(_, kind, _)| *kind).filter(|kind| is_open(*kind));
    if !is_open(Kind::Deployment) && of_credential().next().is_none() {
        return;
    }
    if deployment.health.blocked(clock::now()).is_some() {
        return;
    }
    let told = "it answers again";
    alerts.resolve(Alert::new(Kind::Deployment, &*deployment.name, told));
    for kind in of_credential() {
        alerts.resolve(Alert::new(kind, credential(deployment), told));
    }
}

/// `provider#credential`.
fn credential(deployment: &Deployment) -> String {
    format!("{}#{}", deployment.provider.name, deployment.credential().name())
}
