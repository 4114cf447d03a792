//! Qwen as Qwen Code signs in to it: OpenAI's chat dialect at the host that the sign-in names, DashScope's where it names
//! none.
//!
//! Addresses and headers as in QwenLM/qwen-code (`packages/core/src/core/openaiContentGenerator/provider/dashscope.ts`,
//! `constants.ts`): a stream says what it cost when it is asked to, and explicit prompt caching has to be switched on.

use http::HeaderMap;
use lockgate_protocol::ir::Fault;

use crate::{
    address::{Address, SiteError},
    exchange::{Ask, Prepared},
    place::{Place, Wish},
    provider::Provider,
    providers::openai::{bearer, flat, no_api_version},
};

pub(crate) struct Qwen;

impl Provider for Qwen {
    fn kind(&self) -> &'static str {
        "qwen"
    }

    fn speaks(&self) -> &'static [&'static str] {
        &["openai-chat"]
    }

    fn usual_headers(&self) -> &'static [(&'static str, &'static str)] {
        &[("x-dashscope-cachecontrol", "enable")]
    }

    fn locate(&self, wish: &Wish<'_>) -> Result<Place, SiteError> {
        no_api_version(wish)?;
        let usual = "https://dashscope.aliyuncs.com/compatible-mode/v1";
        let mut address = Address::parse(wish.base_url.unwrap_or(usual))?;
        if !address.has_version() {
            address.path.push_str("/v1");
        }
        Ok(Place::at(address))
    }

    fn authorise(&self, secret: &str, headers: &mut HeaderMap) -> Result<(), SiteError> {
        bearer(secret, headers)
    }

    fn prepare(&self, place: &Place, ask: &Ask<'_>) -> Result<Prepared, Fault> {
        flat(place, ask)
    }
}
