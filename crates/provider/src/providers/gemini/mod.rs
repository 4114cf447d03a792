//! The Gemini API: `x-goog-api-key` or a token, every path under `/v1beta`; for a sign-in of the Gemini CLI, Code Assist.

use http::{HeaderMap, HeaderName};
use lockgate_protocol::{
    dialect::Operation,
    forms::{self, Form},
    ir::{Fault, FaultKind},
};

use crate::{
    address::{Address, SiteError},
    environment::Environment,
    exchange::{Ask, Prepared, Talk},
    pass::{Pass, secret_value},
    place::{Place, Wish},
    provider::Provider,
    providers::openai::{flat, no_api_version},
};

pub(crate) struct Gemini;

/// Never `?key=`: what is in a URL ends up in logs.
pub(crate) const API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// What Code Assist has of the API: its methods have no model in their paths (the Gemini CLI's
/// `packages/core/src/code_assist/server.ts`).
const CODE_ASSIST: &[(&str, &str)] = &[
    ("generateContent", "/v1internal:generateContent"),
    ("streamGenerateContent", "/v1internal:streamGenerateContent"),
    ("countTokens", "/v1internal:countTokens"),
];

impl Provider for Gemini {
    fn kind(&self) -> &'static str {
        "gemini"
    }

    fn trace_name(&self) -> &'static str {
        "gcp.gemini"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["gemini"]
    }

    fn is_at(&self, host: &str) -> bool {
        host == "generativelanguage.googleapis.com"
    }

    fn form(&self, pass: &Pass, talk: &Talk<'_>) -> &'static dyn Form {
        match talk.operation {
            Operation::Generate | Operation::CountTokens => pass.form().unwrap_or(forms::PLAIN),
            _ => forms::PLAIN,
        }
    }

    fn environment(&self) -> Option<Environment> {
        Some(Environment {
            kind: self.kind(),
            api_key: "GEMINI_API_KEY",
            base_url: None,
            api_version: None,
            region: &[],
        })
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let mut address =
            Address::parse(wish.base_url.unwrap_or("https://generativelanguage.googleapis.com"))?;
        if !address.has_version() {
            address.path.push_str("/v1beta");
        }
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        headers.insert(API_KEY, secret_value(secret)?);
        Ok(())
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        if ask.pass.form().is_none() {
            return flat(place, ask);
        }
        let verb = ask.tail.strip_prefix("/models/").and_then(|rest| rest.rsplit_once(':'));
        let known = CODE_ASSIST.iter().find(|(name, _)| verb.is_some_and(|(_, verb)| verb == *name));
        let Some((_, tail)) = known else {
            let text = "Code Assist has no such endpoint: it continues conversations and counts their tokens";
            return Err(Fault::new(FaultKind::Unsupported, text));
        };
        flat(place, &Ask { tail, ..*ask })
    }
}
