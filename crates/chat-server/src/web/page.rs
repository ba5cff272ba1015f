//! The page for browsers: one file, put together from the parts beside this one, and the policy
//! under which it runs. PURE: the caller hands in the dice.
//!
//! The script has the shape of our programs: `chat.js`, `arrivals.js`, `delivery.js`, `person.js`
//! and `events.js` decide, over the pure `text.js`, `outbox.js`, `rooms.js` and `command.js`;
//! `view.js` and `lines.js` show what there is; `shell.js`, `tabs.js` and `main.js` do what was
//! decided. All of it is plain JavaScript, so nothing has to be built.

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");

/// The parts of the script in order. They see each other's names, and no page sees theirs.
const SCRIPT: [&str; 14] = [
    include_str!("text.js"),
    include_str!("outbox.js"),
    include_str!("rooms.js"),
    include_str!("command.js"),
    include_str!("chat.js"),
    include_str!("arrivals.js"),
    include_str!("delivery.js"),
    include_str!("person.js"),
    include_str!("events.js"),
    include_str!("lines.js"),
    include_str!("view.js"),
    include_str!("shell.js"),
    include_str!("tabs.js"),
    include_str!("main.js"),
];

/// Returns the page and its Content-Security-Policy. `nonce` is random and new for each answer,
/// because only what carries it may run: whatever else gets into the page, nothing does.
pub(crate) fn page(nonce: u128) -> (String, String) {
    let nonce = format!("{nonce:032x}");
    let script = format!("(() => {{\n'use strict';\n{}}})();\n", SCRIPT.concat());
    // The nonce first, so that it is put only where this file has it.
    let page = HTML
        .replace("{nonce}", &nonce)
        .replace("{style}", STYLE)
        .replace("{script}", &script);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    (page, policy)
}

#[cfg(test)]
mod tests {
    use common::chat::{MAX_BODY, MAX_PRIVATE, POLL_WAIT};

    use super::*;

    /// Most bytes of the page: a second on a line of a phone in the country.
    const MOST: usize = 96 * 1024;

    #[test]
    fn the_page_is_whole_and_only_its_own_parts_carry_the_nonce() {
        let (page, policy) = page(0xab);
        let nonce = "000000000000000000000000000000ab";
        assert_eq!(page.matches(nonce).count(), 2);
        assert_eq!(policy.matches(&format!("'nonce-{nonce}'")).count(), 2);
        for hole in ["{nonce}", "{style}", "{script}"] {
            assert!(!page.contains(hole), "{hole}");
        }
        assert_eq!(
            page.matches("<script").count(),
            1,
            "and none inside the script"
        );
        assert_eq!(page.matches("</script").count(), 1);
        assert!(page.len() < MOST, "{} bytes", page.len());
    }

    /// The script has copies of some limits of `common::chat`, because nothing builds it.
    #[test]
    fn the_page_has_the_limits_of_the_server() {
        let (page, _) = page(0);
        for copy in [
            format!("const MAX_BODY = {MAX_BODY};"),
            format!("const MAX_PRIVATE = {MAX_PRIVATE};"),
            format!("const POLL_WAIT_MS = {};", POLL_WAIT.as_millis()),
        ] {
            assert!(page.contains(&copy), "not in the script: {copy}");
        }
    }

    /// The browser would stop these; nobody should try.
    #[test]
    fn nothing_in_the_page_makes_markup_of_text_or_loads_anything() {
        let (page, _) = page(0);
        for word in [
            "innerHTML",
            "outerHTML",
            "insertAdjacent",
            "document.write",
            "eval(",
            "Function(",
            "import(",
            "srcdoc",
            " style=",
            " onclick=",
            " onload=",
            "url(",
            "@import",
            "https://",
        ] {
            assert!(!page.contains(word), "{word}");
        }
        let addresses: Vec<_> = page.match_indices("http://").collect();
        assert_eq!(addresses.len(), 1, "the name of a format, in the icon");
    }
}
