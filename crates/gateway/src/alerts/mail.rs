//! Alerts by mail.

use std::time::SystemTime;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
        extension::ClientId,
    },
};
use lockgate_alerts::{Failure, Message};
use lockgate_config::{self as config, MailTls, Secret};

use super::sink::without;
use crate::{files, pem};

/// The port of mail that is sent in TLS from the first byte on (RFC 8314).
const SUBMISSIONS: u16 = 465;
/// Most characters of a server's words that are repeated.
const WORDS: usize = 300;

/// A receiver by mail.
pub(super) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    password: Option<Secret>,
}

/// `Auto-Submitted: auto-generated` (RFC 3834): nobody's absence notice is to answer it.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mail {
    /// # Errors
    /// What cannot be used, without a secret.
    pub(super) fn new(mailbox: &config::Mailbox) -> Result<Self, String> {
        let (host, port) = place(&mailbox.smtp)?;
        let from: Mailbox = address("from", &mailbox.from)?;
        let to: Result<Vec<_>, _> = mailbox.to.iter().map(|to| address("to", to)).collect();
        let wanted = match (mailbox.tls, port) {
            (Some(tls), _) => tls,
            (None, Some(SUBMISSIONS)) => MailTls::Always,
            (None, _) => MailTls::Starttls,
        };
        let usual = match wanted {
            MailTls::Starttls => 587,
            MailTls::Always => SUBMISSIONS,
            MailTls::None => 25,
        };
        let tls = match wanted {
            MailTls::None => Tls::None,
            MailTls::Starttls => Tls::Required(parameters(&host, mailbox.ca_file.as_deref())?),
            MailTls::Always => Tls::Wrapper(parameters(&host, mailbox.ca_file.as_deref())?),
        };
        let hello = ClientId::Domain(from.email.domain().to_owned());
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port.unwrap_or(usual))
            .tls(tls)
            .hello_name(hello);
        if let (Some(user), Some(password)) = (&mailbox.user, &mailbox.password) {
            transport = transport.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
        }
        Ok(Self { transport: transport.build(), from, to: to?, password: mailbox.password.clone() })
    }

    /// # Errors
    /// Why it was not taken, without a secret.
    pub(super) async fn send(&self, message: &Message, now: SystemTime) -> Result<(), Failure> {
        let letter = message.letter();
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{}>", letter.id, self.from.email.domain())))
            .date(now)
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let mail = mail.body(letter.text).map_err(|error| Failure::lasting(error.to_string()))?;
        self.transport.send(mail).await.map(drop).map_err(|error| {
            let why = without(&crate::upstream::causes(&error), self.password.as_ref());
            let text = why.chars().take(WORDS).collect();
            let may_pass = !(error.is_permanent() || error.is_client());
            Failure { text, may_pass, wait: None }
        })
    }
}

/// The server's host and port.
fn place(written: &str) -> Result<(String, Option<u16>), String> {
    let authority: http::uri::Authority = written
        .parse()
        .map_err(|_| "`smtp` must be a host and a port, such as `mail.example.com:587`".to_owned())?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), authority.port_u16()))
}

fn address(setting: &str, written: &str) -> Result<Mailbox, String> {
    written.parse().map_err(|error| format!("`{setting}`: `{written}` is no mail address: {error}"))
}

fn parameters(host: &str, ca_file: Option<&str>) -> Result<TlsParameters, String> {
    let mut parameters = TlsParameters::builder(host.to_owned());
    if let Some(file) = ca_file {
        let fault = |why: String| format!("`ca_file`: `{file}` {why}");
        let text = pem::read(&files::written(file)).map_err(|why| fault(why.to_string()))?;
        for certificate in pem::certificates(&text).map_err(|why| fault(why.to_string()))? {
            let certificate =
                Certificate::from_der(certificate.to_vec()).map_err(|why| fault(why.to_string()))?;
            parameters = parameters.add_root_certificate(certificate);
        }
    }
    parameters.build().map_err(|error| error.to_string())
}
