//! Requests of this dialect in the forms that clients send.

use insta::assert_snapshot;
use lockgate_protocol::{
    codec::{RequestHead, Target},
    dialects::{Host, Hosted, encode_hosted},
    ir::{CacheHint, Content, Effort, FaultKind, Role, Source},
};

use super::{HEAD, codec, pretty, recorded::check_request, target};

const CLAUDE_CODE: &str = r#"{"model":"claude-opus-4-8","max_tokens":32000,"stream":true,
    "system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1"},{"type":"text","text":"You are.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
    "messages":[
      {"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]},
      {"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"Eq=="},{"type":"tool_use","id":"toolu_1","name":"Read","input":{"b":1.0,"a":"\u00e9"},"caller":{"type":"direct"}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","is_error":false,"content":[{"type":"text","text":"see"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}],"cache_control":{"type":"ephemeral"}}]},
      {"role":"system","content":[{"type":"text","text":"mind","cache_control":{"type":"ephemeral"}}]}],
    "thinking":{"type":"adaptive","display":"updates"},"context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},
    "output_config":{"effort":"high","task_budget":{"total":9}},
    "metadata":{"user_id":"{\"device_id\":\"d\"}","other":1},
    "tools":[{"name":"Read","description":"d","input_schema":{"type":"object","properties":{}},"eager_input_streaming":true},{"type":"web_search_20260318","name":"web_search"}],
    "tool_choice":{"type":"auto","disable_parallel_tool_use":false},"temperature":1.0,"service_tier":"auto"}"#;

#[test]
fn what_claude_code_sends_survives() {
    check_request("claude code", CLAUDE_CODE.as_bytes());
    let request = codec().decode_request(HEAD, CLAUDE_CODE.as_bytes()).unwrap();
    assert_eq!((request.system.len(), request.messages.len()), (2, 4));
    assert_eq!(request.messages[3].role, Role::System);
    assert_eq!(request.system[1].cache, Some(CacheHint { ttl: Some("1h".into()) }));
    let Content::ToolResult(result) = &request.messages[2].blocks[0].content else { panic!() };
    assert_eq!(result.name.as_deref(), Some("Read"));
    let Content::ToolUse(call) = &request.messages[1].blocks[1].content else { panic!() };
    assert_eq!(&*call.input, r#"{"b":1.0,"a":"\u00e9"}"#);
    let reasoning = request.reasoning.unwrap();
    assert_eq!((reasoning.adaptive, reasoning.effort), (true, Some(Effort::High)));
}

#[test]
fn odd_but_allowed_forms_survive() {
    for members in [
        r#""thinking":{"type":"between_tools"},"output_config":{"effort":"turbo"}"#,
        r#""thinking":{"type":"enabled","budget_tokens":2048,"display":"omitted"}"#,
        r#""tool_choice":{"type":"tool","name":"x","disable_parallel_tool_use":true}"#,
        r#""tool_choice":{"type":"some_new_choice"}"#,
        r#""container":{"id":"c","skills":[]},"mcp_servers":[],"top_k":40,"top_p":0.70"#,
        r#""cache_control":{"type":"ephemeral"},"system":"be brief""#,
    ] {
        check_request(
            members,
            format!(r#"{{"model":"m","max_tokens":9,{members},"messages":[]}}"#).as_bytes(),
        );
    }
    for block in [
        r#"{"type":"search_result","source":"https://x","title":"t","content":[{"type":"text","text":"c"}],"citations":{"enabled":true}}"#,
        r#"{"type":"document","source":{"type":"content","content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"file","file_id":"f"}}]},"context":"c","title":"t"}"#,
        r#"{"type":"image","source":{"type":"url","url":"https://x/y.png"},"transformations":{"a":1}}"#,
        r#"{"type":"image","source":{"type":"newer","data":"x"}}"#,
        r#"{"type":"tool_result","tool_use_id":"t"}"#,
        r#"{"type":"container_upload","file_id":"f"}"#,
        r#"{"type":"compaction","content":null,"encrypted_content":"e"}"#,
        r#"{"type":"text","text":"x","cache_control":{"type":"persistent"}}"#,
    ] {
        let body = format!(
            r#"{{"model":"m","max_tokens":9,"messages":[{{"role":"user","content":[{block}],"newer":1}}]}}"#
        );
        check_request(block, body.as_bytes());
    }
}

#[test]
fn a_search_result_can_be_read_by_other_dialects() {
    let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"search_result","source":"https://x","title":"t","content":[{"type":"text","text":"c"}]}]}]}"#;
    let request = codec().decode_request(HEAD, body.as_bytes()).unwrap();
    let Content::Document(media) = &request.messages[0].blocks[0].content else { panic!() };
    assert_eq!((media.name.as_deref(), media.context.as_deref()), (Some("t"), Some("https://x")));
    assert!(matches!(&media.source, Source::Blocks(blocks) if blocks.len() == 1));
}

#[test]
fn a_bad_request_names_its_field() {
    for (body, expect) in [
        (r#"{"messages":[]}"#, "`model` is missing"),
        (r#"{"model":"m"}"#, "`messages` is missing"),
        (r#"{"model":"m","messages":[{"role":"tool","content":""}]}"#, "messages[0]: unknown role `tool`"),
        (r#"{"model":"m","messages":[{"role":"user"}]}"#, "messages[0]: `content` is missing"),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text"}]}]}"#,
            "messages[0].content[0]: `text` is missing",
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"tool_use","id":"","name":"x"}]}]}"#,
            "messages[0].content[0]: `id` is empty",
        ),
        (
            r#"{"model":"m","max_tokens":"9","messages":[]}"#,
            "`max_tokens`: invalid type: string \"9\", expected u64",
        ),
        (r#"{"model":"m","top_p":"9","messages":[]}"#, "`top_p` must be a number"),
        (r#"{"model":"m","messages":[],"tools":[{}]}"#, "tools[0]: `name` is missing"),
    ] {
        let head = RequestHead { model: None, ..HEAD };
        let fault = codec().decode_request(head, body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, FaultKind::BadRequest);
        assert_eq!(fault.public, format!("the body is not a Messages request: {expect}"));
    }
}

#[test]
fn the_new_version_takes_no_sampling_and_a_host_names_the_version_itself() {
    let body = r#"{"model":"m","max_tokens":9,"temperature":0.5,"top_p":1,"top_k":4,"anthropic_version":"x","anthropic_beta":["b"],"stream":true,"messages":[
        {"role":"user","content":[{"type":"text","text":"q","citations":[{"type":"char_location","cited_text":"c"}]}]},
        {"role":"assistant","content":[{"type":"document","source":{"type":"text","media_type":"text/plain","data":"d"}},{"type":"text","text":"a"}]}]}"#;
    let request = codec().decode_request(HEAD, body.as_bytes()).unwrap();
    let strict = Target { version: Some("2026-10-21"), ..target("claude-opus-4-8") };
    let encoded = codec().encode_request(&request, strict).unwrap();
    assert_snapshot!(pretty(&encoded.body, &encoded.losses));
    let host = Hosted { host: Host::InvokeModel, betas: &["b2"] };
    let encoded = encode_hosted(&request, target("ignored"), host);
    assert_snapshot!(pretty(&encoded.body, &encoded.losses));
}
