//! A record as JSON, member by member: the very bytes that serde writes, in a third of the time, which each call pays.

use crate::{AttemptRecord, CallRecord, Price, Tokens};

/// Appends the record's JSON; false if its bodies cannot be written.
pub(super) fn record(record: &CallRecord, line: &mut Vec<u8>) -> bool {
    let mut line = Line(line);
    line.text("{\"id\":", &record.id);
    line.figure(",\"started_ms\":", record.started_ms);
    line.figure(",\"micros\":", record.micros);
    line.figure(",\"overhead_micros\":", record.overhead_micros);
    line.some_figure(",\"first_token_micros\":", record.first_token_micros);
    line.some_text(",\"key\":", record.key.as_deref());
    line.text_if_any(",\"peer\":", &record.peer);
    line.text(",\"dialect\":", &record.dialect);
    line.text(",\"path\":", &record.path);
    line.text_if_any(",\"operation\":", &record.operation);
    line.some_text(",\"model\":", record.model.as_deref());
    line.some_text(",\"deployment\":", record.deployment.as_deref());
    line.flag(",\"stream\":true", record.stream);
    line.figure(",\"status\":", record.status.into());
    line.text(",\"ended\":", record.ended.name());
    line.some_text(",\"error\":", record.error.as_deref());
    line.raw(",\"attempts\":[");
    line.list(&record.attempts, Line::attempt);
    line.raw("]");
    if let Some(usage) = &record.usage {
        line.usage(usage);
    }
    line.some_figure(",\"cost\":", record.cost);
    line.flag(",\"price\":\"unknown\"", record.price == Price::Unknown);
    line.texts(",\"tags\":[", &record.tags);
    line.texts(",\"losses\":[", &record.losses);
    line.some_text(",\"node\":", record.node.as_deref());
    line.flag(",\"training\":true", record.training);
    let mut is_written = true;
    if let Some(bodies) = &record.bodies {
        line.raw(",\"bodies\":");
        is_written = serde_json::to_writer(&mut *line.0, bodies).is_ok();
    }
    line.raw("}");
    is_written
}

struct Line<'a>(&'a mut Vec<u8>);

/// Each takes what stands before the value: a comma, the name and a colon.
impl Line<'_> {
    fn raw(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn flag(&mut self, member: &str, is_set: bool) {
        if is_set {
            self.raw(member);
        }
    }

    fn figure(&mut self, before: &str, figure: u64) {
        self.raw(before);
        // A vector takes all.
        drop(serde_json::to_writer(&mut *self.0, &figure));
    }

    fn some_figure(&mut self, before: &str, figure: Option<u64>) {
        if let Some(figure) = figure {
            self.figure(before, figure);
        }
    }

    fn figure_if_any(&mut self, before: &str, figure: u64) {
        self.some_figure(before, Some(figure).filter(|figure| *figure > 0));
    }

    fn text(&mut self, before: &str, text: &str) {
        self.raw(before);
        let is_plain = |plain, byte: u8| plain & (byte >= b' ') & (byte != b'"') & (byte != b'\\');
        if text.bytes().fold(true, is_plain) {
            self.raw("\"");
            self.raw(text);
            self.raw("\"");
        } else {
            drop(serde_json::to_writer(&mut *self.0, text));
        }
    }

    fn some_text(&mut self, before: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(before, text);
        }
    }

    fn text_if_any(&mut self, before: &str, text: &str) {
        self.some_text(before, Some(text).filter(|text| !text.is_empty()));
    }

    fn list<T>(&mut self, all: &[T], mut write: impl FnMut(&mut Self, &T)) {
        for (place, one) in all.iter().enumerate() {
            self.flag(",", place > 0);
            write(self, one);
        }
    }

    fn texts(&mut self, before: &str, texts: &[impl AsRef<str>]) {
        if !texts.is_empty() {
            self.raw(before);
            self.list(texts, |line, text| line.text("", text.as_ref()));
            self.raw("]");
        }
    }

    fn attempt(&mut self, attempt: &AttemptRecord) {
        self.text("{\"deployment\":", &attempt.deployment);
        self.some_text(",\"fault\":", attempt.fault.as_deref());
        self.figure(",\"micros\":", attempt.micros);
        self.raw("}");
    }

    fn usage(&mut self, usage: &Tokens) {
        self.figure(",\"usage\":{\"input\":", usage.input);
        self.figure_if_any(",\"cache_read\":", usage.cache_read);
        self.figure_if_any(",\"cache_write\":", usage.cache_write);
        self.figure_if_any(",\"cache_write_1h\":", usage.cache_write_1h);
        self.figure(",\"output\":", usage.output);
        self.figure_if_any(",\"reasoning\":", usage.reasoning);
        self.figure_if_any(",\"audio_input\":", usage.audio_input);
        self.figure_if_any(",\"audio_output\":", usage.audio_output);
        self.figure_if_any(",\"image_input\":", usage.image_input);
        self.figure_if_any(",\"image_output\":", usage.image_output);
        self.flag(",\"is_estimated\":true", usage.is_estimated);
        self.raw("}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[track_caller]
    fn check(call: &CallRecord) {
        let mut line = vec![];
        assert!(record(call, &mut line));
        assert_eq!(String::from_utf8(line).unwrap(), serde_json::to_string(call).unwrap());
    }

    #[test]
    fn it_is_what_serde_writes() {
        check(&CallRecord::default());
        for call in testing::calls(500) {
            let text = |name: &str| format!("{name} \"\\\n\u{7f}\u{1}ü€😀");
            check(&CallRecord {
                peer: "192.0.2.1:7".into(),
                operation: text("o").into(),
                model: Some(text("m")),
                error: Some(text("e").into()),
                losses: vec![text("l"), text("k")],
                node: Some(text("n").into()),
                training: true,
                attempts: call.attempts.iter().cycle().take(3).cloned().collect(),
                usage: call.usage.map(|usage| Tokens {
                    cache_write_1h: 1,
                    audio_input: 2,
                    audio_output: 3,
                    image_input: 4,
                    image_output: u64::MAX,
                    ..usage
                }),
                ..call.clone()
            });
            check(&call);
        }
    }
}
