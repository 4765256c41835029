//! Chat templates: Jinja templates that turn a conversation into the text that a model was trained on, rendered as
//! transformers' `apply_chat_template` does.

mod json;
mod time;

use std::io::{self, Write};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context};

use crate::models::chat::{Attachment, Message};

/// Steps of the template engine for one conversation: a thousand times those of a long one. A template that loops
/// for ever ends with an error.
const FUEL: u64 = 10_000_000;

/// Maximum size of a rendered conversation.
const MOST_BYTES: usize = 16 << 20;

/// Name of the template in messages.
const NAME: &str = "chat template";

/// A chat template.
pub(super) struct ChatTemplate {
    environment: Environment<'static>,
    /// `bos_token` and `eos_token`, or nothing.
    begin: String,
    end: String,
    /// Whether the content of a message is a list of texts and pictures, as transformers' processors pass it.
    parts: bool,
}

impl ChatTemplate {
    /// Compiles `source`. `begin` and `end` are the texts of `bos_token` and `eos_token`.
    ///
    /// # Errors
    /// The first error in the template, in one line.
    pub fn new(source: String, begin: String, end: String) -> Result<Self, String> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| problem(&error))?);
        environment.set_fuel(Some(FUEL));
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_formatter(as_python);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", |format: String| Ok::<_, Error>(time::now(&format)));
        environment.add_filter("tojson", to_json);
        environment.add_test("iterable", is_iterable);
        environment.add_template_owned(NAME, without_generation(&source)).map_err(|error| problem(&error))?;
        Ok(ChatTemplate { environment, begin, end, parts: false })
    }

    /// With messages whose content is a list: their pictures, and then their text.
    pub fn with_parts(self) -> Self {
        ChatTemplate { parts: true, ..self }
    }

    /// The text of a conversation, up to where the model's answer begins.
    ///
    /// # Errors
    /// What the template raises, or does wrong, in one line.
    pub fn render(&self, messages: &[Message]) -> Result<String, String> {
        let template = self.environment.get_template(NAME).map_err(|error| problem(&error))?;
        let mut text = Limited(Vec::new());
        let values = context! {
            messages => messages.iter().map(|message| value_of(message, self.parts)).collect::<Value>(),
            add_generation_prompt => true,
            bos_token => self.begin.as_str(),
            eos_token => self.end.as_str(),
            tools => (),
            documents => (),
        };
        template.render_captured_to(values, &mut text).map_err(|error| problem(&error))?;
        String::from_utf8(text.0).map_err(|_| "the template wrote text that is not UTF-8".to_string())
    }
}

fn value_of(message: &Message, parts: bool) -> Value {
    let content = match parts {
        false => Value::from(message.content.as_str()),
        true => {
            let pictures = message.attachments.iter().filter(|it| matches!(it, Attachment::Picture(_)));
            let mut parts: Vec<Value> = pictures.map(|_| Value::from_pairs([("type", "image")])).collect();
            if parts.is_empty() || !message.content.is_empty() {
                parts.push(Value::from_pairs([("type", "text"), ("text", message.content.as_str())]));
            }
            Value::from(parts)
        }
    };
    Value::from_pairs([("role", Value::from(message.role.as_str())), ("content", content)])
}

/// Collects what a template writes, up to [`MOST_BYTES`].
struct Limited(Vec<u8>);

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::Error::other(format!("the text is longer than {} MiB", MOST_BYTES >> 20)));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `{% generation %}` marks what an assistant wrote, for training (transformers); here it is a block without effect, so that
/// the dashes for white space around it keep theirs.
fn without_generation(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let (before, tag) = (&rest[..start], &rest[start..start + length]);
        text.push_str(before);
        let inner = tag[2..].trim_matches(|char: char| char.is_whitespace() || "-+".contains(char));
        match inner {
            "generation" => text.push_str(&tag.replace(inner, "if true")),
            "endgeneration" => text.push_str(&tag.replace(inner, "endif")),
            _ => text.push_str(tag),
        }
        rest = &rest[start + length..];
    }
    text + rest
}

/// As in Jinja2, nothing is not iterable, and a text is.
fn is_iterable(value: &Value) -> bool {
    match value.kind() {
        ValueKind::None => false,
        ValueKind::Undefined | ValueKind::String => true,
        _ => value.try_iter().is_ok(),
    }
}

/// `raise_exception("...")`: how a template refuses a conversation.
fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

/// `x | tojson(indent=4)`.
fn to_json(value: Value, arguments: Kwargs) -> Result<String, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    // Other arguments of Python's `json.dumps` are accepted and have no effect on what templates write.
    for known in ["ensure_ascii", "sort_keys", "separators"] {
        let _: Option<Value> = arguments.get(known)?;
    }
    arguments.assert_all_used()?;
    json::dumps(&value, indent)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, "cannot be written as JSON").with_source(error))
}

/// Writes a value as Python would: `True`, `None`.
fn as_python(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let word = match value.kind() {
        ValueKind::None => "None",
        ValueKind::Bool if value.is_true() => "True",
        ValueKind::Bool => "False",
        _ => return minijinja::escape_formatter(output, state, value),
    };
    output.write_str(word).map_err(Error::from)
}

/// An error of the template engine in one line.
fn problem(error: &Error) -> String {
    let what = match (error.kind(), error.detail()) {
        (ErrorKind::OutOfFuel, _) => "it does not end".to_string(),
        (ErrorKind::InvalidOperation, Some(detail)) => detail.to_string(),
        (kind, Some(detail)) => format!("{kind}: {detail}"),
        (kind, None) => kind.to_string(),
    };
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    let text = format!("{what}{source}{line}");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str, messages: &[Message]) -> Result<String, String> {
        ChatTemplate::new(source.to_string(), "<s>".to_string(), "</s>".to_string())?.render(messages)
    }

    fn talk() -> Vec<Message> {
        vec![Message::new("user", " a & <b> "), Message::new("assistant", "c")]
    }

    #[test]
    fn templates_that_grow_without_end_are_errors() {
        let doubled = |start: &str, step: &str, shown: &str| {
            format!(
                "{{% set ns = namespace(x={start}) %}}{{% for i in range(99) %}}{{% set ns.x = {step} %}}{{% endfor %}}{shown}"
            )
        };
        for source in [
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}".to_string(),
            doubled("'ab'", "ns.x + ns.x", "{{ ns.x }}"),
            doubled("'ab'", "ns.x ~ ns.x", "{{ ns.x | length }}"),
            doubled("[1, 2]", "[ns.x, ns.x]", "{{ ns.x | tojson }}"),
            doubled("'ab'", "ns.x * 9", "{{ ns.x }}"),
            "{{ 'a' * 99999999999 }}".to_string(),
            "{{ ([1] * 99999999999) | length }}".to_string(),
            "{{ range(99999999999) | list | length }}".to_string(),
            "{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}".to_string(),
        ] {
            let error = render(&source, &talk()).expect_err(&source);
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn renders_what_templates_use() {
        for (source, expected) in [
            // jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
            (
                "{% for m in messages %}\n  {% if m.role == 'user' %}\nU:{{ m['content'] }}\n  {% endif %}\n{% endfor %}",
                "U: a & <b> \n",
            ),
            ("{{ bos_token }}{{ messages[-1].content | upper }}{{ eos_token }}\n", "<s>C</s>"),
            ("{{ messages[0].content.strip().split(' ')[0] }}{{ '<b>' in messages[0].content }}", "aTrue"),
            (
                "{{ messages | tojson }}",
                r#"[{"role": "user", "content": " a & <b> "}, {"role": "assistant", "content": "c"}]"#,
            ),
            (
                "{{ {'a': [1, 2.5, none, true]} | tojson(indent=2) }}",
                "{\n  \"a\": [\n    1,\n    2.5,\n    null,\n    true\n  ]\n}",
            ),
            ("{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}{{ loop.index }}{% endfor %}", "1"),
            (
                "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
                "2",
            ),
            (
                "{% macro f(x) %}[{{ x }}]{% endmacro %}{{ f(3) }}{{ tools is none }}{{ missing is defined }}",
                "[3]TrueFalse",
            ),
            ("{{ 'x' if messages[0].content.startswith(' a') else 'y' }}{{ messages[1:] | length }}", "x1"),
            ("{{ add_generation_prompt }}{{ none }}", "TrueNone"),
            (
                "{% if tools is iterable and tools | length %}x{% endif %}{{ 'a' is iterable }}{{ [] is iterable }}",
                "TrueTrue",
            ),
            ("a {%- generation -%} b {%- endgeneration %} c", "ab c"),
        ] {
            assert_eq!(render(source, &talk()).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn what_a_template_refuses_is_its_message() {
        let alternate = "{{ raise_exception('roles must\\n alternate') }}";
        assert_eq!(render(alternate, &talk()).unwrap_err(), "roles must alternate (line 1)");
        let error = render("{% for %}", &talk()).unwrap_err();
        assert!(error.contains("syntax error") && error.contains("line 1"), "{error}");
        assert!(render("{{ messages[0].x.y }}", &talk()).unwrap_err().contains("undefined"));
        assert!(render("{{ none.x() }}", &talk()).is_err());
    }

    #[test]
    fn a_template_that_does_not_end_or_writes_too_much_is_stopped() {
        let nested = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}";
        assert!(render(nested, &talk()).unwrap_err().contains("it does not end"));
        let recursive = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}";
        assert!(render(recursive, &talk()).is_err());
        let long = "{% set x = 'abcdefgh' * 100000 %}{% for a in range(1000) %}{{ x }}{% endfor %}";
        let error = render(long, &talk()).unwrap_err();
        assert!(error.contains("16 MiB"), "{error}");
    }
}
