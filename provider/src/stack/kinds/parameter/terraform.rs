//! A parameter as a resource of hashicorp/aws.

use super::{Parameter, Part};
use crate::render::{At, Block, Expr, Render};

impl Render for Parameter {
    fn render(&self, at: &At<'_>) -> Vec<Block> {
        let value = match self.value.0.as_slice() {
            // An ARN, a URL, a name, or none of these.
            [Part::Plain(text)] if text.contains(':') => Expr::Link(text.clone()),
            [Part::Plain(text)] => Expr::Name(None, text.clone()),
            parts => {
                let part = |part: &Part| match part {
                    Part::Plain(text) => Expr::Text(text.clone()),
                    Part::Id(component) => Expr::id(component),
                };
                Expr::Joined(parts.iter().map(part).collect())
            }
        };
        vec![
            Block::resource("aws_ssm_parameter")
                .set("name", &self.name)
                .set("type", &self.kind)
                .set("value", value)
                .set("tags", &self.tags)
                .import(at.if_held(&self.name)),
        ]
    }
}
