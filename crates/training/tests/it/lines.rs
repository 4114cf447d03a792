//! Lines: the same conversation in every dialect, everything that each dialect can say, and why there is none.

use bytes::Bytes;
use lockgate_protocol::{
    dialect::Operation,
    dialects::{self, DIALECTS},
};
use lockgate_testkit::mutate::{Dice, mutate};
use lockgate_training::{Conversation, Form, Line, NotUsable, Reasoning, Settings, assemble, line};
use serde_json::Value;

use crate::corpus::{self, Exchange};

/// Every form in every manner that differs.
const MANNERS: &[(&str, Form, Reasoning)] = &[
    ("messages", Form::Messages, Reasoning::Think),
    ("messages-field", Form::Messages, Reasoning::Field),
    ("sharegpt", Form::ShareGpt, Reasoning::Think),
    ("openai", Form::OpenAi, Reasoning::Think),
];

fn said(exchange: &Exchange, form: Form, reasoning: Reasoning) -> Result<Line, NotUsable> {
    let call = exchange.call();
    let answer = assemble(&call, &exchange.request, &exchange.answer).ok_or(NotUsable::Answer)?;
    line(&call, &exchange.request, &answer, &Settings { form, reasoning, ..Settings::default() })
}

/// The line and what is lost, or why there is none.
fn shown(exchange: &Exchange, form: Form, reasoning: Reasoning) -> Value {
    match said(exchange, form, reasoning) {
        Ok(line) => {
            let read: Value = serde_json::from_str(&line.text).unwrap();
            let losses: Vec<String> =
                line.losses.iter().map(|loss| format!("{}: {}", loss.path, loss.reason)).collect();
            serde_json::json!({ "line": read, "losses": losses })
        }
        Err(why) => serde_json::json!({ "no line": why.to_string() }),
    }
}

#[test]
fn a_talk_in_every_form() {
    let exchange = corpus::talk(dialects::find("anthropic").unwrap());
    for (name, form, reasoning) in MANNERS {
        insta::assert_json_snapshot!(format!("talk.{name}"), shown(&exchange, *form, *reasoning));
    }
}

/// What is said, without the ids of calls: they are the dialects' own, and some do not send them.
fn words(line: &Line) -> Value {
    let mut line: Value = serde_json::from_str(&line.text).unwrap();
    for message in line["messages"].as_array_mut().into_iter().flatten() {
        message["tool_call_id"].take();
        for call in message["tool_calls"].as_array_mut().into_iter().flatten() {
            call["id"].take();
        }
    }
    let said = ["messages", "conversations", "images", "finish_reason"].map(|column| line[column].take());
    // The same JSON, in whichever spelling.
    let mut text = serde_json::to_string(&said).unwrap();
    text.retain(|letter| letter != ' ');
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_talk_is_the_same_line_whatever_the_client_speaks() {
    for (name, form, reasoning) in MANNERS {
        let expect = said(&corpus::talk(dialects::find("anthropic").unwrap()), *form, *reasoning).unwrap();
        for dialect in DIALECTS {
            let found = said(&corpus::talk(*dialect), *form, *reasoning);
            let found = found.unwrap_or_else(|why| panic!("{name} of {}: {why}", dialect.name()));
            assert_eq!(words(&found), words(&expect), "{name} of {}", dialect.name());
        }
    }
}

#[test]
fn everything_that_a_dialect_can_say() {
    for exchange in corpus::own() {
        for (name, form, reasoning) in MANNERS {
            let golden = format!("own.{}.{name}", exchange.dialect.name());
            insta::assert_json_snapshot!(golden, shown(&exchange, *form, *reasoning));
        }
    }
}

#[test]
fn every_recorded_call_makes_a_line_or_says_why_not() {
    let Some(recorded) = corpus::recorded() else { return };
    for (name, form, reasoning) in MANNERS {
        let mut lines = 0;
        for exchange in &recorded {
            let Ok(line) = said(exchange, *form, *reasoning) else { continue };
            lines += 1;
            assert!(!line.text.contains(['\n', '\r']), "{}: more than one line", exchange.id);
            let read: Value = serde_json::from_str(&line.text).unwrap();
            match form {
                Form::Messages => {
                    let named = read["losses"].as_str().unwrap();
                    assert_eq!(named.is_empty(), line.losses.is_empty(), "{}", exchange.id);
                    assert_eq!(read["_id"], *exchange.id);
                    pictures_have_places(&read["messages"], "content", &read["images"], &exchange.id);
                }
                Form::ShareGpt => {
                    alternates(&read["conversations"], &exchange.id);
                    pictures_have_places(&read["conversations"], "value", &read["images"], &exchange.id);
                }
                Form::OpenAi => {
                    let last = read["messages"].as_array().unwrap().last().unwrap();
                    assert_eq!(last["role"], "assistant", "{}", exchange.id);
                }
            }
        }
        assert!(lines > 140, "only {lines} lines of {name}");
    }
}

#[track_caller]
fn pictures_have_places(list: &Value, member: &str, images: &Value, id: &str) {
    let texts = list.as_array().unwrap().iter().map(|said| said[member].as_str().unwrap());
    let places: usize = texts.map(|text| text.matches("<image>").count()).sum();
    assert_eq!(places, images.as_array().unwrap().len(), "{id}");
}

#[track_caller]
fn alternates(conversations: &Value, id: &str) {
    let mut said: Vec<&str> =
        conversations.as_array().unwrap().iter().map(|said| said["from"].as_str().unwrap()).collect();
    if said[0] == "system" {
        said.remove(0);
    }
    assert_eq!(said.len() % 2, 0, "{id}");
    for (place, from) in said.iter().enumerate() {
        let may = if place % 2 == 0 { ["human", "observation"] } else { ["gpt", "function_call"] };
        assert!(may.contains(from), "{id}: {from} at {place}");
    }
}

/// A chat request with these messages, and an answer of these members.
#[track_caller]
fn check(messages: &str, message: &str, finish: &str, form: Form, expect: &str) {
    let dialect = dialects::find("openai-chat").unwrap();
    let exchange = Exchange {
        id: "call".to_owned(),
        dialect,
        path: corpus::path(dialect).to_owned(),
        model: "fast".to_owned(),
        request: format!("{{\"model\":\"fast\",\"messages\":[{messages}]}}").into_bytes(),
        answer: format!(
            "{{\"choices\":[{{\"index\":0,\"finish_reason\":\"{finish}\",\"message\":{{\"role\":\"assistant\",{message}}}}}]}}"
        )
        .into(),
    };
    let found = match said(&exchange, form, Reasoning::Think) {
        Ok(line) => line.text,
        Err(why) => why.to_string(),
    };
    assert!(found.contains(expect), "{found}");
}

const ASKS: &str = r#"{"role":"user","content":"Ahoi?"}"#;
const SAYS: &str = r#""content":"Ahoi!""#;

#[test]
fn what_a_strict_form_cannot_say_is_no_line_of_it() {
    let strict = [Form::ShareGpt, Form::OpenAi];
    for form in strict {
        check(ASKS, SAYS, "length", form, "ended by a limit or a filter");
        check(ASKS, SAYS, "content_filter", form, "ended by a limit or a filter");
        check(ASKS, r#""content":null"#, "stop", form, "the answer says nothing");
        let pdf = r#"{"role":"user","content":[{"type":"file","file":{"file_id":"file-1"}}]}"#;
        check(pdf, SAYS, "stop", form, "`messages[0].content[0]` cannot be said in this form");
    }
    check(ASKS, SAYS, "length", Form::Messages, "\"finish_reason\":\"length\"");
    let mark = r#"{"role":"user","content":"What is <image> in HTML?"}"#;
    check(mark, SAYS, "stop", Form::ShareGpt, "its text has what stands for a picture");
    let beside = r#""content":"I look.","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]"#;
    check(ASKS, beside, "tool_calls", Form::ShareGpt, "the model's words beside its calls");
    let late =
        format!(r#"{ASKS},{{"role":"assistant","content":"Yes?"}},{{"role":"system","content":"Hush."}}"#);
    check(&late, SAYS, "stop", Form::ShareGpt, "a system message within the conversation");
    let first = r#"{"role":"assistant","content":"Ahoi!"},{"role":"user","content":"Ahoi."}"#;
    check(first, SAYS, "stop", Form::ShareGpt, "the model speaks first");
}

#[test]
fn calls_and_results_keep_their_order_and_are_json() {
    let call = r#""content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"b\": 1.50}"}}]"#;
    let expect = r#"{"from":"function_call","value":"{\"name\":\"f\",\"arguments\":{\"b\": 1.50}}"}"#;
    check(ASKS, call, "tool_calls", Form::ShareGpt, expect);
    let broken = call.replace("1.50}", "1.50");
    check(ASKS, &broken, "tool_calls", Form::ShareGpt, "arguments of a call that are no JSON");
    let several = r#"{"role":"user","content":"Ahoi?"},{"role":"user","content":"Anybody?"}"#;
    check(several, SAYS, "stop", Form::ShareGpt, r#"{"from":"human","value":"Ahoi?\n\nAnybody?"}"#);
}

#[test]
fn what_is_not_all_there_is_not_usable() {
    let exchange = corpus::talk(dialects::find("anthropic").unwrap());
    let call = exchange.call();
    let answer = assemble(&call, &exchange.request, &exchange.answer).unwrap();
    let of = |operation, request: &[u8], answer: &[u8]| {
        let call = lockgate_training::Call { operation, ..call };
        Conversation::of(&call, request, answer).map(drop)
    };
    let request = &exchange.request;
    assert_eq!(of(Operation::Generate, request, &answer), Ok(()));
    assert_eq!(of(Operation::CountTokens, request, &answer), Err(NotUsable::Operation));
    assert_eq!(of(Operation::Generate, &request[..request.len() / 2], &answer), Err(NotUsable::Request));
    assert_eq!(of(Operation::Generate, request, &answer[..answer.len() - 1]), Err(NotUsable::Answer));
    assert_eq!(of(Operation::Generate, request, &exchange.answer), Err(NotUsable::Answer));

    let responses = dialects::find("openai-responses").unwrap();
    let own = corpus::own().into_iter().find(|own| own.dialect.name() == responses.name()).unwrap();
    for elsewhere in [r#""previous_response_id":"resp_1""#, r#""conversation":"conv_1""#] {
        let request = format!("{{\"model\":\"m\",{elsewhere},\"input\":\"Ahoi?\"}}");
        let found = Conversation::of(&own.call(), request.as_bytes(), &own.answer).map(drop);
        assert_eq!(found, Err(NotUsable::Elsewhere), "{elsewhere}");
    }
}

#[test]
fn what_names_a_kept_prompt_is_not_usable_and_credentials_are_left_out() {
    let own = |name: &str| corpus::own().into_iter().find(|own| own.dialect.name() == name).unwrap();
    let mut exchange = own("gemini");
    for kept in ["cachedContent", "cached_content"] {
        let request = format!(
            r#"{{"{kept}":"cachedContents/1","contents":[{{"role":"user","parts":[{{"text":"Ahoi?"}}]}}]}}"#
        );
        exchange.request = request.into_bytes();
        assert_eq!(said(&exchange, Form::Messages, Reasoning::Think), Err(NotUsable::Elsewhere));
    }
    let mut exchange = own("anthropic");
    exchange.request = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"Ahoi?"}],"mcp_servers":[{"url":"https://tools.example","authorization_token":"canary"}]}"#.to_vec();
    let line = said(&exchange, Form::Messages, Reasoning::Think).unwrap();
    assert!(!line.text.contains("canary") && line.text.contains("mcp_servers (it may hold a credential)"));
}

#[test]
fn nothing_breaks_on_what_nobody_would_send() {
    let mut exchanges = corpus::own();
    exchanges.extend(DIALECTS.iter().map(|dialect| corpus::talk(*dialect)));
    let mut dice = Dice::new(7);
    let mut lines = 0;
    for round in 0..60 {
        for at in 0..exchanges.len() {
            let other = &exchanges[dice.below(exchanges.len())];
            let exchange = &exchanges[at];
            let (request, answer) = match round % 3 {
                0 => (mutate(&exchange.request, &other.request, &mut dice), exchange.answer.to_vec()),
                1 => (exchange.request.clone(), mutate(&exchange.answer, &other.answer, &mut dice)),
                _ => (other.request.clone(), exchange.answer.to_vec()),
            };
            let call = exchange.call();
            let Some(answer) = assemble(&call, &request, &answer.into()) else { continue };
            for (_, form, reasoning) in MANNERS {
                let settings = Settings { form: *form, reasoning: *reasoning, ..Settings::default() };
                let Ok(line) = line(&call, &request, &answer, &settings) else { continue };
                lines += 1;
                let read: Value = serde_json::from_str(&line.text).unwrap();
                assert!(read.is_object() && !line.text.contains('\n'), "{}", line.text);
            }
        }
    }
    assert!(lines > 300, "only {lines} lines");
}

#[test]
fn an_answer_that_goes_on_with_its_beginning_is_one_turn() {
    let dialect = dialects::find("anthropic").unwrap();
    let exchange = Exchange {
        id: "call".to_owned(),
        dialect,
        path: corpus::path(dialect).to_owned(),
        model: "fast".to_owned(),
        request: br#"{"model":"fast","max_tokens":9,"messages":[{"role":"user","content":"Ahoi?"},{"role":"assistant","content":"Aho"}]}"#.to_vec(),
        answer: Bytes::from_static(br#"{"id":"m","type":"message","role":"assistant","model":"claude-3-5-haiku-20241022","content":[{"type":"text","text":"i!"}],"stop_reason":"end_turn","usage":{"input_tokens":1,"output_tokens":1}}"#),
    };
    let line = said(&exchange, Form::ShareGpt, Reasoning::Think).unwrap();
    assert_eq!(
        line.text,
        r#"{"conversations":[{"from":"human","value":"Ahoi?"},{"from":"gpt","value":"Ahoi!"}],"tools":"","images":[]}"#
    );
}

#[test]
fn a_card_has_the_columns_of_its_lines() {
    let exchange = corpus::talk(dialects::find("anthropic").unwrap());
    for (name, form, reasoning) in MANNERS {
        let line: Value = serde_json::from_str(&said(&exchange, *form, *reasoning).unwrap().text).unwrap();
        let Some(card) = form.card(*reasoning) else {
            assert_eq!(*form, Form::OpenAi);
            continue;
        };
        let told = |indent: usize| -> Vec<String> {
            let mark = format!("{}- name: ", " ".repeat(indent));
            let mut told: Vec<String> =
                card.lines().filter_map(|line| line.strip_prefix(&mark)).map(str::to_owned).collect();
            told.sort();
            told
        };
        let mut columns: Vec<String> = line.as_object().unwrap().keys().cloned().collect();
        columns.sort();
        assert_eq!(told(2), columns, "{name}");
        let list = if *form == Form::ShareGpt { &line["conversations"] } else { &line["messages"] };
        let mut members: Vec<String> = list[0].as_object().unwrap().keys().cloned().collect();
        members.sort();
        assert_eq!(told(4), members, "{name}");
    }
}
