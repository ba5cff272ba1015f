//! What may be sent. PURE.

use common::chat::{Kind, MAX_BODY, MAX_NAME, MAX_PAGE, MAX_WHY, Post, Refusal, Result};

/// Returns the posts of one call without NUL, or why they may not be sent.
pub(crate) fn check(mut posts: Vec<Post>) -> Result<Vec<Post>> {
    let unfit = |why: String| Err(Refusal::Unfit(why));
    if posts.is_empty() {
        return unfit("there is no message in this call".into());
    }
    let mut bytes = 0;
    for Post { kind, body, .. } in &mut posts {
        if body.len() > MAX_BODY {
            return unfit(format!("a message has at most {MAX_BODY} bytes"));
        }
        // Looked for first, because hardly any has one.
        if body.contains('\0') {
            *body = body.replace('\0', "").into();
        }
        bytes += body.len();
        if !matches!(kind, Kind::Said | Kind::Did) {
            return unfit("only messages can be sent".into());
        }
        if body.trim().is_empty() {
            return unfit("the message is empty".into());
        }
    }
    if bytes > MAX_PAGE {
        return unfit(format!("one call may send {MAX_PAGE} bytes"));
    }
    Ok(posts)
}

/// Returns the reason of a kick without NUL, or why it cannot be one.
pub(crate) fn reason(why: String) -> Result<String> {
    if why.len() > MAX_WHY {
        let why = format!("a reason has at most {MAX_WHY} bytes");
        return Err(Refusal::Unfit(why));
    }
    Ok(why.replace('\0', ""))
}

/// Refuses a text that is too long to search for, before the search costs anything.
pub(crate) fn wanted(text: &str) -> Result<()> {
    if text.len() > MAX_NAME {
        let why = format!("a text to search for has at most {MAX_NAME} bytes");
        return Err(Refusal::Unfit(why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(kind: Kind, body: &str) -> Post {
        let (id, body) = (1, body.into());
        Post { id, kind, body }
    }

    #[test]
    fn only_messages_of_some_length_may_be_sent() {
        let longest = "x".repeat(MAX_BODY);
        for good in ["a", " a", &longest] {
            let posts = vec![post(Kind::Said, good), post(Kind::Did, good)];
            assert_eq!(check(posts.clone()), Ok(posts));
        }
        for bad in ["", " \n", "\0", &format!("{longest}x")] {
            assert!(check(vec![post(Kind::Said, bad)]).is_err(), "{bad:?}");
        }
        assert!(check(vec![post(Kind::Joined, "a")]).is_err());
        assert!(check(vec![]).is_err());
        let clean = check(vec![post(Kind::Said, "a\0b")]);
        assert_eq!(clean, Ok(vec![post(Kind::Said, "ab")]));
    }

    #[test]
    fn one_call_fits_a_frame() {
        let posts = vec![post(Kind::Said, &"x".repeat(MAX_BODY)); MAX_PAGE / MAX_BODY];
        assert!(check(posts.clone()).is_ok());
        let one_more = [posts, vec![post(Kind::Said, "x")]].concat();
        assert!(check(one_more).is_err());
    }
}
