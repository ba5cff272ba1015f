//! The page for browsers, and the policy under which it runs. PURE: the caller hands in the dice.

const HTML: &str = include_str!("page.html");

/// Returns the page and its Content-Security-Policy. `nonce` is random and new for each answer,
/// because only what carries it may run: whatever else gets into the page, nothing does.
pub(crate) fn page(nonce: u128) -> (String, String) {
    let nonce = format!("{nonce:032x}");
    let page = HTML.replace("{nonce}", &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; \
         connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    );
    (page, policy)
}
