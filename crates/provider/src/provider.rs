//! The seam: what a kind of provider has to know.

use std::{fmt, time::SystemTime};

use http::HeaderMap;
use lockgate_protocol::{
    forms::{self, Form},
    ir::{Fault, Losses},
};

use crate::{
    address::SiteError,
    classify,
    environment::Environment,
    exchange::{Ask, Outbound, Prepared, Reply, Talk},
    pass::Pass,
    place::{Place, Wish},
};

/// A kind of place that answers: where its paths are, how it is shown a credential, what its failures mean.
///
/// Implementations are stateless; what one configured provider needs is in its [`Place`] and [`Pass`]es.
pub trait Provider: Sync {
    /// The name in the config's `kind`.
    fn kind(&self) -> &'static str;

    /// Its name in OpenTelemetry's conventions for generative AI (`gen_ai.provider.name`), where they have another.
    fn trace_name(&self) -> &'static str {
        self.kind()
    }

    /// The dialects it speaks, the one to translate to first.
    fn speaks(&self) -> &'static [&'static str];

    /// Those of them in which it serves `model`, the one to translate to first, where that depends on the model.
    fn speaks_for(&self, _model: &str) -> Option<&'static [&'static str]> {
        None
    }

    /// The form in which it takes such a body, where it does not take the dialect as it is.
    fn form(&self, _pass: &Pass, _talk: &Talk<'_>) -> &'static dyn Form {
        forms::PLAIN
    }

    /// Headers that every request carries unless the client or the operator has them: names in lower case.
    fn usual_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Whether `host` (in lower case) is one of the service's own, so that an address there says what is asked.
    fn is_at(&self, _host: &str) -> bool {
        false
    }

    /// Whether the config has to name the base URL because there is no usual one.
    fn needs_base_url(&self) -> bool {
        false
    }

    /// Whether the place answers nobody without a key.
    fn needs_key(&self) -> bool {
        true
    }

    /// The environment variables from which a start without a config file learns of this provider.
    fn environment(&self) -> Option<Environment> {
        None
    }

    /// Turns what the operator wrote into the address under which the provider's paths are.
    ///
    /// # Errors
    /// What is missing or cannot be meant, with the remedy.
    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError>;

    /// Puts an API key where the provider looks for it; the value is marked sensitive.
    ///
    /// # Errors
    /// [`SiteError::KeyUnfit`] when no header can carry the secret.
    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError>;

    /// Says where one request goes and which headers it carries.
    ///
    /// # Errors
    /// A `BadRequest` fault when the client's path or model would leave the provider's own paths.
    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault>;

    /// Takes out of a client's headers what this place would refuse the request for, and names it as a loss.
    fn screen(&self, _: &mut HeaderMap, _: &mut Losses) {}

    /// Whether requests to the provider may have to be signed.
    fn signs(&self) -> bool {
        false
    }

    /// Signs a request that is ready to leave, where the provider wants that; see [`Site::sign`](crate::Site::sign).
    ///
    /// # Errors
    /// A `KeyRefused` fault when the keys for it are missing.
    fn sign(&self, _: &Place, _: &Pass, _: &mut Outbound<'_>, _: SystemTime) -> Result<(), Fault> {
        Ok(())
    }

    /// Says what a failure means; also asked about an error body inside a 200.
    fn classify(&self, reply: &Reply<'_>) -> Fault {
        classify::classify(reply)
    }
}

impl fmt::Debug for dyn Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}
