//! `lockgate demo`: gateway and built-in provider in one process, so that a newcomer sees an answer at once.

use std::{io, net::SocketAddr, process::ExitCode, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Args;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lockgate_config::Config;
use lockgate_gateway::{Serving, StartError};
use lockgate_mock::{Behaviour, Mock, Settings};
use lockgate_store::Recent;

use super::{failed, runtime, told_to_stop};
use crate::logging;

/// Where the demo listens.
#[derive(Args)]
pub(crate) struct Options {
    /// Address to listen on; without it the usual one, or any free port if that is taken.
    #[arg(long)]
    listen: Option<SocketAddr>,
}

/// The demo's config: what a first config of one's own looks like, with the mock as the provider.
const CONFIG: &str = r#"
providers:
  built-in: { kind: openai-compatible, base_url: "${MOCK}", api_key: demo }
models:
  gpt-4o-mini: { targets: [built-in/gpt-4o-mini] }
  text-embedding-3-small: { targets: [built-in/text-embedding-3-small] }
  whisper-1: { targets: [built-in/whisper-1] }
  tts-1: { targets: [built-in/tts-1] }
"#;

const QUESTION: &str =
    r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"What does a canal lock do?"}]}"#;

pub(crate) fn run(options: &Options) -> ExitCode {
    match runtime() {
        Ok(runtime) => runtime.block_on(serve(options)).unwrap_or_else(failed),
        Err(error) => failed(error),
    }
}

async fn serve(options: &Options) -> Result<ExitCode, String> {
    // Slow enough to see that a stream is one.
    let behaviour = Behaviour { between_events: Duration::from_millis(40), ..Behaviour::default() };
    let settings = Settings { behaviour, ..Settings::default() };
    let mock = lockgate_mock::start(SocketAddr::from(([127, 0, 0, 1], 0)), settings).await;
    let mock = mock.map_err(|error| format!("cannot start the built-in provider: {error}"))?;
    let (serving, journal) = gateway(options, &mock).await?;
    let address = serving.address;

    println!("lockgate {} demo: gateway and built-in provider, no key needed\n", env!("CARGO_PKG_VERSION"));
    println!("  gateway   http://{address}   (OpenAI API at http://{address}/v1)");
    println!("  provider  {}   (strict mock of OpenAI)\n", mock.base_url());
    println!("Try, in another terminal:\n");
    println!("1. curl\n\n{}\n", curl(address));
    println!(
        "2. a stream\n\n{}\n",
        curl(address).replace("curl -s", "curl -sN").replace("{\"model\"", "{\"stream\":true,\"model\"")
    );
    println!("3. the OpenAI SDK (pip install openai)\n\n{}\n", sdk(address));

    println!("The first one, asked just now:\n");
    let answer = ask(address).await.map_err(|error| format!("the gateway did not answer: {error}"))?;
    println!("  {answer}\n");
    if let Some(record) = journal.all().last().and_then(|record| serde_json::to_string(record).ok()) {
        println!("What the gateway has on record of it:\n\n  {record}\n");
    }
    println!("Serving until Ctrl-C.");
    told_to_stop().map_err(|error| format!("cannot listen for signals: {error}"))?.await;
    serving.stop().await;
    mock.stop().await;
    Ok(ExitCode::SUCCESS)
}

/// Starts the gateway in front of the mock, on the address asked for or, if nobody asked, on any free one.
async fn gateway(options: &Options, mock: &Mock) -> Result<(Serving, Arc<Recent>), String> {
    let env = |name: &str| (name == "MOCK").then(|| mock.base_url());
    let mut config: Config =
        lockgate_config::parse("demo", CONFIG, &env).map_err(|errors| errors.to_string())?;
    // Whatever gateway keeps keys in this folder: the demo needs none.
    config.access.created_keys = Some(false);
    if let Some(listen) = options.listen {
        config.server.listen = listen.into();
    }
    logging::start(&config.log);
    let journal = Arc::new(Recent::new(100));
    let started = match lockgate_gateway::start(&config, journal.clone()).await {
        Err(StartError::Listen { error, .. })
            if options.listen.is_none() && error.kind() == io::ErrorKind::AddrInUse =>
        {
            config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0)).into();
            lockgate_gateway::start(&config, journal.clone()).await
        }
        started => started,
    };
    started.map(|serving| (serving, journal)).map_err(|error| error.to_string())
}

fn curl(address: SocketAddr) -> String {
    format!(
        "   curl -s http://{address}/v1/chat/completions \\\n     -H 'content-type: application/json' \\\n     -d '{QUESTION}'"
    )
}

fn sdk(address: SocketAddr) -> String {
    format!(
        "   python3 -c '\n\
         from openai import OpenAI\n\
         client = OpenAI(base_url=\"http://{address}/v1\", api_key=\"none\")\n\
         messages = [{{\"role\": \"user\", \"content\": \"What does a canal lock do?\"}}]\n\
         print(client.chat.completions.create(model=\"gpt-4o-mini\", messages=messages).choices[0].message.content)'"
    )
}

/// Asks the first question and gives the whole answer.
async fn ask(address: SocketAddr) -> Result<String, Box<dyn std::error::Error>> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(format!("http://{address}/v1/chat/completions"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from_static(QUESTION.as_bytes())))?;
    let answer = client.request(request).await?;
    let status = answer.status();
    let body = String::from_utf8(answer.into_body().collect().await?.to_bytes().into())?;
    if status.is_success() { Ok(body) } else { Err(format!("{status}: {body}").into()) }
}
