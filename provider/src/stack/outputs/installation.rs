//! The marker's entry, beside the components that it brackets.

use serde::Serialize;
use tfplugin::Attr;
use uuid::Uuid;

use super::{Before, DRIFTED, IN_SYNC, MARKER, MISSING, changes, lines};
use crate::stack::component::digest;
use crate::stack::config::StackConfig;
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Tags};
use crate::stack::marker::{Marker, Phase};
use crate::stack::model::ComponentModel;

/// What a marker says that is compared: not who works on the stack, which changes with every operation.
#[derive(Debug, Clone, Serialize)]
struct Said {
    #[serde(rename = "fase")]
    phase: Phase,
    #[serde(rename = "protegida")]
    protected: bool,
    tags: Tags,
    #[serde(rename = "inconclusa", skip_serializing_if = "std::ops::Not::not")]
    unfinished: bool,
    #[serde(skip)]
    installation: Option<Uuid>,
}

/// The marker as it was read, with the tags of its parameter.
pub fn marker_entry(
    marker: Option<(&Marker, &Tags)>,
    installation: Option<Uuid>,
    config: &StackConfig,
    context: &Context,
) -> ComponentModel {
    let mut wanted = Said::wanted(config, context);
    let Some((marker, tags)) = marker else {
        return ComponentModel {
            digest: "".into(),
            status: MISSING.into(),
            ..entry(&wanted, context)
        };
    };
    wanted.installation = installation.or(Some(marker.instalacion));
    let held = Said {
        phase: marker.fase,
        protected: marker.protegida,
        tags: tags.clone(),
        unfinished: marker.is_abandoned(),
        installation: Some(marker.instalacion),
    };
    let changes = wanted.diff(&held);
    if changes.is_empty() {
        return entry(&wanted, context);
    }
    ComponentModel {
        status: DRIFTED.into(),
        drift: lines(changes.iter().map(changes::line)),
        ..entry(&held, context)
    }
}

/// The marker as it will be: `configs` are made with different stand-ins for what is not known yet.
pub(super) fn planned(configs: [&StackConfig; 2], before: Option<Before<'_>>, context: &Context) -> ComponentModel {
    let [a, b] = configs.map(|config| Said::wanted(config, context));
    let mut planned = entry(&a, context);
    if planned.digest != entry(&b, context).digest {
        planned.digest = Attr::Unknown;
    }
    let Some((before, held)) = before.and_then(|before| Some((before, before.components.get(MARKER)?.known()?))) else {
        return planned;
    };
    let drift: Vec<String> = held
        .drift
        .known()
        .into_iter()
        .flatten()
        .filter_map(|line| line.as_str().map(str::to_owned))
        .collect();
    let earlier = Said::wanted(before.config, context);
    let touch = changes::touch(&drift, [a.diff(&earlier), b.diff(&earlier)], &a.diff(&b), false);
    planned.change = if held.status.as_str() == Some(MISSING) {
        lines(["missing → created".into()])
    } else if touch.lines.is_empty() {
        held.change.clone()
    } else {
        lines(touch.lines)
    };
    planned
}

impl Said {
    fn wanted(config: &StackConfig, context: &Context) -> Self {
        let mut tags = config.tags.clone();
        tags.insert(kairos::names::Names::OWNER_TAG.into(), context.names.owner());
        Self {
            phase: Phase::Completa,
            protected: config.deletion_protection,
            tags,
            unfinished: false,
            installation: None,
        }
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        Diff::of(self, held)
            .property("Installation", |m| m.installation.map(|id| id.to_string()))
            .property("Phase", |m| m.phase)
            .property("Protected", |m| m.protected)
            .property("Unfinished", |m| m.unfinished)
            .tags(|m| &m.tags)
            .changes()
    }
}

fn entry(said: &Said, context: &Context) -> ComponentModel {
    let parameter = format!("parameter{}", context.names.marker());
    let json = serde_json::to_value(said).unwrap_or_default();
    ComponentModel {
        r#type: "AWS::SSM::Parameter".into(),
        id: context.names.arn("ssm", &parameter).into(),
        digest: digest(&json).into(),
        status: IN_SYNC.into(),
        drift: Attr::Known(Vec::new()),
        change: Attr::Null,
    }
}
