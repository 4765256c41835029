//! The page in the browser: its files, their headers, and what they refer to. scripts/test_serve.sh opens it in one.

use std::collections::BTreeSet;

use crate::client::Answer;
use crate::server::{Server, keyed};

/// The folder of the files, from the repository's root.
const FOLDER: &str = "src/serve/http/page";

fn names() -> Vec<String> {
    let entries = std::fs::read_dir(crate::binary::root().join(FOLDER)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "mod.rs").collect()
}

fn expect_headers(answer: &Answer, name: &str) {
    let kind = match name.rsplit('.').next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        other => panic!("{name}: no media type is expected for {other}"),
    };
    for (header, value) in [
        ("content-type", kind),
        ("cache-control", "no-cache"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(header), Some(value), "{name}: {header}");
    }
    let policy = answer.header("content-security-policy").unwrap();
    let rules: BTreeSet<&str> = policy.split("; ").collect();
    for rule in
        ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(rules.contains(rule), "{rule} is not in: {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
}

/// The addresses in a file: of `src=` and `href=`, of imports, and of modules that are loaded with `new URL`.
fn references(text: &str) -> Vec<&str> {
    let after =
        |start: &'static str| text.split(start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect::<Vec<_>>();
    ["src=\"", "href=\"", " from \"", "import \"", "import(\"", "new URL(\"", "url(\""]
        .into_iter()
        .flat_map(after)
        .collect()
}

#[test]
fn every_file_is_served_with_its_type_and_policy() {
    let server = Server::start();
    let index = server.get("/").expect(200);
    expect_headers(&index, "index.html");
    for name in names() {
        let answer = server.get(&format!("/page/{name}")).expect(200);
        expect_headers(&answer, &name);
        let written = std::fs::read(crate::binary::root().join(FOLDER).join(&name)).unwrap();
        assert_eq!(answer.body, written, "{name}");
    }
    server.get("/page/none.js").expect_error(404, "not_found", &["no such file"]);
    server.get("/page/mod.rs").expect_error(404, "not_found", &[]);
    server.get("/page/..%2Fmod.rs").expect_error(404, "not_found", &[]);
    server.client().send("POST", "/", &[], b"").expect_error(405, "method_not_allowed", &[]);
}

#[test]
fn files_refer_only_to_each_other_and_all_are_used() {
    let server = Server::start();
    let mut used = BTreeSet::from(["index.html".to_string()]);
    for name in names() {
        let text = server.get(&format!("/page/{name}")).expect(200).text();
        // An SVG's namespace is an identifier; browsers do not fetch it.
        let text = text.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        for line in text.lines() {
            let outside = line.contains("//")
                && ["src=", "href=", "from \"", "import", "url(", "fetch("].iter().any(|it| line.contains(it));
            assert!(!outside, "{name}: another origin: {line}");
        }
        for reference in references(&text) {
            if let Some(id) = reference.strip_prefix('#') {
                assert!(text.contains(&format!("id=\"{id}\"")), "{name}: {reference}");
                continue;
            }
            let file = reference.strip_prefix(if name == "index.html" { "page/" } else { "./" });
            let file = file.unwrap_or_else(|| panic!("{name}: {reference} is not a file of the page"));
            server.get(&format!("/page/{file}")).expect(200);
            used.insert(file.to_string());
        }
    }
    assert_eq!(used, names().into_iter().collect(), "files that nothing refers to");
}

#[test]
fn nothing_is_inline() {
    let page = Server::start().get("/").expect(200).text();
    for tag in page.split('<').map(|tag| tag.split('>').next().unwrap()) {
        // Without the values of attributes.
        let names: String = tag.split('"').step_by(2).collect();
        let inline = |name: &str| name.starts_with("on") || name.starts_with("style");
        assert!(!names.split_whitespace().any(inline), "<{tag}>");
        assert!(!tag.starts_with("script") || tag.contains(" src="), "<{tag}>");
    }
}

#[test]
fn elements_that_scripts_name_exist() {
    let server = Server::start();
    let page = server.get("/").expect(200).text();
    for name in names().iter().filter(|name| name.ends_with(".js")) {
        let text = server.get(&format!("/page/{name}")).expect(200).text();
        for id in text.split("byId(\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert_eq!(page.matches(&format!("id=\"{id}\"")).count(), 1, "{name}: #{id}");
        }
    }
}

#[test]
fn the_page_needs_no_key_and_what_it_calls_does() {
    let server = keyed();
    server.get("/").expect(200);
    server.get("/page/app.js").expect(200);
    server.get("/v1/models").expect(401);
    server.get("/metrics").expect(401);
    // A page of another origin may not even read it.
    let other = server.client().send("GET", "/", &[("origin", "http://evil.example")], b"");
    other.expect_error(403, "forbidden", &["origin"]);
}
