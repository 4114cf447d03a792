//! Who is told, as one config has it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use lockgate_alerts::{Alert, Failure, Form, Kind, Message, Notice, Status};
use lockgate_config::{self as config, Config, Secret};

use super::{Tried, mail::Mail, new_id, post::Post};
use crate::{StartError, clock, ids::Ids, upstream::Exits};

/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one config says of alerts.
#[derive(Default)]
pub(crate) struct Wish {
    pub(super) cooldown: Duration,
    pub(super) error_rate: config::ErrorRate,
    pub(super) sinks: Vec<Arc<Sink>>,
}

/// One receiver.
pub(crate) struct Sink {
    pub(super) name: String,
    kinds: Vec<Kind>,
    way: Way,
    said: Said,
}

/// How it is reached.
enum Way {
    Post(Post),
    Mail(Mail),
}

/// All that the config says of it.
#[derive(PartialEq)]
enum Said {
    /// With the proxy that counts for it.
    Receiver(Form, config::Receiver, Option<String>),
    Mailbox(config::Mailbox),
}

// === impl Wish ===

impl Wish {
    /// What `config` says.
    ///
    /// # Errors
    /// A receiver that cannot be reached whatever comes: its address, its proxy or its certificates.
    pub(crate) fn new(config: &Config) -> Result<Arc<Self>, StartError> {
        let mut sinks = Vec::new();
        let mut exits = Exits::default();
        let mut put = |word: &str, place: usize, name: &Option<String>, made: Made<'_>| {
            let number = if place == 0 { String::new() } else { format!("-{}", place + 1) };
            let name = name.clone().unwrap_or_else(|| format!("{word}{number}"));
            match made {
                Ok((way, said, kinds)) => {
                    let kinds = kinds.iter().map(|kind| kind.0).collect();
                    sinks.push(Arc::new(Sink { name, kinds, way, said }));
                    Ok(())
                }
                Err(why) => Err(StartError::Alerts { sink: name, why }),
            }
        };
        for (form, receivers) in config.alerts.receivers() {
            for (place, receiver) in receivers.iter().enumerate() {
                let proxy = config.proxy.as_ref();
                let made = Post::new(form, receiver, proxy, &mut exits).map(|post| {
                    let said = Said::Receiver(form, receiver.clone(), proxy.map(|it| it.expose().to_owned()));
                    (Way::Post(post), said, &receiver.kinds[..])
                });
                put(form.name(), place, &receiver.name, made)?;
            }
        }
        for (place, mailbox) in config.alerts.email.iter().enumerate() {
            let made = Mail::new(mailbox)
                .map(|mail| (Way::Mail(mail), Said::Mailbox(mailbox.clone()), &mailbox.kinds[..]));
            put("email", place, &mailbox.name, made)?;
        }
        let config::Alerts { cooldown, error_rate, .. } = config.alerts;
        Ok(Arc::new(Self { cooldown, error_rate, sinks }))
    }

    /// What the receivers are called, in the order of the config.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.sinks.iter().map(|sink| sink.name.as_str())
    }

    /// Sends a message to see whether it arrives: to the receiver of that name, or to all at once. None if there is no such
    /// receiver.
    pub(crate) async fn test(&self, name: Option<&str>) -> Option<Vec<Tried>> {
        let is_wanted = |sink: &&Arc<Sink>| name.is_none_or(|name| sink.name == name);
        let wanted: Vec<Arc<Sink>> = self.sinks.iter().filter(is_wanted).cloned().collect();
        if name.is_some() && wanted.is_empty() {
            return None;
        }
        Some(futures_util::future::join_all(wanted.into_iter().map(Sink::test)).await)
    }
}

/// A way, all that was said, and the kinds; or why not.
type Made<'c> = Result<(Way, Said, &'c [config::AlertKind]), String>;

// === impl Sink ===

impl Sink {
    /// Whether it is told of that.
    pub(super) fn wants(&self, kind: Kind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// The word that it stands under in the config.
    pub(super) fn form(&self) -> &'static str {
        match &self.way {
            Way::Post(post) => post.form().name(),
            Way::Mail(_) => "email",
        }
    }

    /// Whether nothing about it has changed. What a file holds is not known, so that one with a file always has.
    pub(super) fn is_as(&self, other: &Self) -> bool {
        let has_file = match &self.said {
            Said::Receiver(_, receiver, _) => receiver.ca_file.is_some(),
            Said::Mailbox(mailbox) => mailbox.ca_file.is_some(),
        };
        !has_file && self.name == other.name && self.said == other.said
    }

    /// Sends a message that says that nothing is the matter.
    async fn test(self: Arc<Self>) -> Tried {
        let alert = Alert::new(Kind::Test, "", "alerts arrive here: nothing is the matter");
        let notice = Notice::new(new_id(&Ids::new()), clock::wall(), Status::Raised, alert);
        let message = Message { notices: vec![Arc::new(notice)], left_out: 0 };
        let since = clock::now();
        let error = self.send(&message).await.err().map(|failure| failure.text);
        Tried { sink: self.name.clone(), form: self.form(), error, took: clock::now() - since }
    }

    /// Sends it once.
    ///
    /// # Errors
    /// Why it was not taken, without a secret.
    pub(super) async fn send(&self, message: &Message) -> Result<(), Failure> {
        let now: SystemTime = clock::wall();
        let sending = async {
            match &self.way {
                Way::Post(post) => post.send(message, now).await,
                Way::Mail(mail) => mail.send(message, now).await,
            }
        };
        let late = || Failure::passing(format!("it did not answer within {} s", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, sending).await.unwrap_or_else(|_| Err(late()))
    }
}

/// The text without `secret`.
pub(super) fn without(text: &str, secret: Option<&Secret>) -> String {
    match secret.map(Secret::expose).filter(|secret| !secret.is_empty()) {
        Some(secret) => text.replace(secret, "<hidden>"),
        None => text.to_owned(),
    }
}
