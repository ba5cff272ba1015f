//! The posts of one call. PURE.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::bounded::each;
use super::text::Texts;
use super::{Kind, MAX_POSTS, Post};

/// At most [`MAX_POSTS`] posts, whose texts share their memory when they come over the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Posts(Vec<Post>);

impl Posts {
    /// Returns the posts as a list of any length.
    pub fn into_inner(self) -> Vec<Post> {
        self.0
    }
}

/// Keeps the first [`MAX_POSTS`] of them.
impl From<Vec<Post>> for Posts {
    fn from(mut posts: Vec<Post>) -> Self {
        posts.truncate(MAX_POSTS);
        Self(posts)
    }
}

impl Deref for Posts {
    type Target = [Post];

    fn deref(&self) -> &[Post] {
        &self.0
    }
}

/// A [`Post`] whose text is borrowed, if that can be.
#[derive(Deserialize)]
#[serde(rename = "Post")]
struct Lent<'a> {
    id: u64,
    kind: Kind,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

impl<'de> Deserialize<'de> for Posts {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Posts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {MAX_POSTS} posts")
            }

            fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<Posts, S::Error> {
                let mut texts = Texts::default();
                let mut posts = each(seq, MAX_POSTS, &self, |Lent { id, kind, body }| Post {
                    id,
                    kind,
                    body: texts.add(&body),
                })?;
                texts.share(posts.iter_mut().map(|post| &mut post.body));
                Ok(Posts(posts))
            }
        }

        from.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn posts_come_back_as_they_were_sent() {
        let post = |id, body: &str| Post {
            id,
            kind: Kind::Did,
            body: body.into(),
        };
        let posts = Posts::from(vec![post(1, "one"), post(2, ""), post(3, "drü\"\n")]);
        let wire = postcard::to_stdvec(&posts).expect("bytes");
        assert_eq!(Ok(wire.clone()), postcard::to_stdvec(&*posts.0));
        assert_eq!(postcard::from_bytes(&wire), Ok(posts.clone()));
        let json = serde_json::to_value(&posts).expect("JSON");
        assert_eq!(serde_json::from_value::<Posts>(json).expect("posts"), posts);
    }

    #[test]
    fn one_post_too_many_is_an_error() {
        let post = Post {
            id: 1,
            kind: Kind::Said,
            body: "x".into(),
        };
        for (count, is_read) in [(MAX_POSTS, true), (MAX_POSTS + 1, false)] {
            let wire = postcard::to_stdvec(&vec![post.clone(); count]).expect("bytes");
            assert_eq!(postcard::from_bytes::<Posts>(&wire).is_ok(), is_read);
        }
    }
}
