//! An IAM role of the stack, with its one inline policy.
//!
//! Invariant: the role may do what its inline policies in `policies` say and nothing else; every other inline policy and
//! every attached managed policy is drift, and is taken away.

mod terraform;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::Tag;
use futures_util::future::try_join_all;
use kairos::names::Names;
use kairos_aws::{AwsError, Doing};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::support::{Retag, malformed, resume};
use crate::permissions::{Permissions, Scope};
use crate::stack::context::Context;
use crate::stack::kind::{Change, Diff, Held, Kind, Tags, touches};
use crate::stack::policy::PolicyDocument;

/// An IAM role.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Role {
    /// The role's name (IAM: 64 characters at most).
    pub name: String,
    /// Its path, which begins and ends with `/`; IAM cannot change it in place.
    pub path: String,
    /// What it is for, in words (IAM: 1,000 characters at most).
    pub description: String,
    /// Who may assume it.
    pub trust: PolicyDocument,
    /// Its inline policies by name: what it may do.
    pub policies: BTreeMap<String, PolicyDocument>,
    /// The ARNs of attached managed policies; none is ever wanted.
    pub attached: BTreeSet<String>,
    /// The ARN of the policy that bounds whatever it may do.
    pub permissions_boundary: Option<String>,
    /// The longest session in seconds (IAM: 3,600 to 43,200).
    pub max_session: i32,
    /// Its tags.
    pub tags: Tags,
}

impl Kind for Role {
    const TYPE: &'static str = "AWS::IAM::Role";
    const SERVICE: &'static str = "iam";

    /// Where a boundary is wanted, roles may be created with it only, and no other may take its place.
    fn permissions(&self, names: &Names) -> Permissions {
        let role = Scope::of([names.role_arn(&self.path, &self.name)]);
        let bounded = match &self.permissions_boundary {
            Some(boundary) => role.clone().when("StringEquals", "iam:PermissionsBoundary", [boundary]),
            None => role.clone(),
        };
        let permissions = Permissions::default()
            .observe(
                &role,
                &[
                    "iam:GetRole",
                    "iam:GetRolePolicy",
                    "iam:ListAttachedRolePolicies",
                    "iam:ListRolePolicies",
                ],
            )
            .create(&bounded, &["iam:CreateRole", "iam:PutRolePolicy"])
            .create(&role, &["iam:TagRole"])
            .update(&bounded, &["iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"])
            .update(
                &role,
                &[
                    "iam:DeleteRole",
                    "iam:DeleteRolePolicy",
                    "iam:DetachRolePolicy",
                    "iam:TagRole",
                    "iam:UntagRole",
                    "iam:UpdateAssumeRolePolicy",
                    "iam:UpdateRole",
                ],
            )
            .delete(
                &role,
                &["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy"],
            );
        match &self.permissions_boundary {
            Some(_) => permissions,
            None => permissions.update(&role, &["iam:DeleteRolePermissionsBoundary"]),
        }
    }

    fn known_id(&self, context: &Context) -> Option<String> {
        Some(context.names.role_arn(&self.path, &self.name))
    }

    fn diff(&self, held: &Self) -> Vec<Change> {
        let mut diff = Diff::of(self, held)
            .fixed("RoleName", |r| &r.name)
            .fixed("Path", |r| &r.path)
            .property("Description", |r| &r.description)
            .property("AssumeRolePolicyDocument", |r| &r.trust);
        let names: BTreeSet<&String> = self.policies.keys().chain(held.policies.keys()).collect();
        for name in names {
            diff = diff.property(&format!("Policies.{name}"), |r| r.policies.get(name));
        }
        diff.property("ManagedPolicyArns", |r| &r.attached)
            .property("PermissionsBoundary", |r| &r.permissions_boundary)
            .property("MaxSessionDuration", |r| r.max_session)
            .tags(|r| &r.tags)
            .changes()
    }

    async fn observe(&self, context: &Context) -> Result<Option<Held<Self>>, AwsError> {
        let answer = context
            .aws
            .iam
            .get_role()
            .role_name(&self.name)
            .send()
            .await
            .found("GetRole", &self.name)?;
        let Some(role) = answer.and_then(|a| a.role) else {
            return Ok(None);
        };
        let (policies, attached) = tokio::try_join!(self.inline_policies(context), self.attached_policies(context))?;
        let tags: Tags = role
            .tags
            .unwrap_or_default()
            .into_iter()
            .map(|t| (t.key, t.value))
            .collect();
        let held = Self {
            name: role.role_name,
            path: role.path,
            description: role.description.unwrap_or_default(),
            trust: decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()),
            policies,
            attached,
            permissions_boundary: role.permissions_boundary.and_then(|b| b.permissions_boundary_arn),
            max_session: role.max_session_duration.unwrap_or(3600),
            tags: tags.clone(),
        };
        Ok(Some(Held::tagged(role.arn, held, &tags, context)))
    }

    async fn create(&self, context: &Context) -> Result<Held<Self>, AwsError> {
        let call = context
            .aws
            .iam
            .create_role()
            .role_name(&self.name)
            .path(&self.path)
            .description(&self.description);
        let call = call
            .assume_role_policy_document(self.trust.to_json())
            .max_session_duration(self.max_session);
        let call = call
            .set_permissions_boundary(self.permissions_boundary.clone())
            .set_tags(Some(self.tags(&self.tags)?));
        match call.send().await.doing("CreateRole", &self.name) {
            Err(e) if e.is("EntityAlreadyExists") => return resume(self, e, &self.name, context).await,
            other => drop(other?),
        }
        for name in self.policies.keys() {
            self.put_policy(name, context).await?;
        }
        for arn in &self.attached {
            self.attach(arn, context).await?;
        }
        Ok(Held::ours(context.names.role_arn(&self.path, &self.name), self.clone()))
    }

    async fn update(&self, held: &Held<Self>, changes: &[Change], context: &Context) -> Result<(), AwsError> {
        let iam = &context.aws.iam;
        // The boundary first: whatever else is granted below is then already bounded.
        if touches(changes, &["PermissionsBoundary"]) {
            self.put_boundary(context).await?;
        }
        if touches(changes, &["Description", "MaxSessionDuration"]) {
            let call = iam.update_role().role_name(&self.name).description(&self.description);
            call.max_session_duration(self.max_session)
                .send()
                .await
                .doing("UpdateRole", &self.name)?;
        }
        if touches(changes, &["AssumeRolePolicyDocument"]) {
            let call = iam
                .update_assume_role_policy()
                .role_name(&self.name)
                .policy_document(self.trust.to_json());
            call.send().await.doing("UpdateAssumeRolePolicy", &self.name)?;
        }
        for name in changes.iter().filter_map(|c| c.property.strip_prefix("Policies.")) {
            if self.policies.contains_key(name) {
                self.put_policy(name, context).await?;
            } else {
                self.delete_policy(name, context).await?;
            }
        }
        if touches(changes, &["ManagedPolicyArns"]) {
            for arn in held.value.attached.difference(&self.attached) {
                self.detach(arn, context).await?;
            }
            for arn in self.attached.difference(&held.value.attached) {
                self.attach(arn, context).await?;
            }
        }
        let tags = Retag::of(&self.tags, changes);
        // IAM knows a key in one spelling only, whatever the case of its letters: what goes, goes first.
        if !tags.remove.is_empty() {
            let call = iam.untag_role().role_name(&self.name).set_tag_keys(Some(tags.remove));
            call.send().await.doing("UntagRole", &self.name)?;
        }
        if !tags.set.is_empty() {
            let call = iam
                .tag_role()
                .role_name(&self.name)
                .set_tags(Some(self.tags(&tags.set)?));
            call.send().await.doing("TagRole", &self.name)?;
        }
        Ok(())
    }

    /// IAM refuses to delete a role that still has policies, whoever put them there.
    async fn delete(&self, _: &str, context: &Context) -> Result<(), AwsError> {
        let (policies, attached) = tokio::try_join!(self.policy_names(context), self.attached_policies(context))?;
        for name in policies {
            self.delete_policy(&name, context).await?;
        }
        for arn in attached {
            self.detach(&arn, context).await?;
        }
        context
            .aws
            .iam
            .delete_role()
            .role_name(&self.name)
            .send()
            .await
            .found("DeleteRole", &self.name)?;
        Ok(())
    }

    /// IAM answers from more than one place: what was just created may be missing for a read or write that follows (a role
    /// that exists and can be read is taken up or refused in other words), and what was just removed may still stand in the
    /// way of the deletion.
    fn settling(error: &AwsError) -> bool {
        match error.action.as_str() {
            "CreateRole" => error.is("EntityAlreadyExists"),
            "PutRolePolicy" | "AttachRolePolicy" => error.is("NoSuchEntity"),
            "DeleteRole" => error.is("DeleteConflict"),
            _ => error.is("ConcurrentModification") || error.is("EntityTemporarilyUnmodifiable"),
        }
    }
}

impl Role {
    async fn inline_policies(&self, context: &Context) -> Result<BTreeMap<String, PolicyDocument>, AwsError> {
        let names = self.policy_names(context).await?;
        let documents = names.into_iter().map(|name| async move {
            let call = context
                .aws
                .iam
                .get_role_policy()
                .role_name(&self.name)
                .policy_name(&name);
            let answer = call.send().await.found("GetRolePolicy", &self.name)?;
            Ok(answer.map(|a| (name, decoded(&a.policy_document))))
        });
        Ok(try_join_all(documents).await?.into_iter().flatten().collect())
    }

    async fn policy_names(&self, context: &Context) -> Result<Vec<String>, AwsError> {
        let mut pages = context
            .aws
            .iam
            .list_role_policies()
            .role_name(&self.name)
            .into_paginator()
            .items()
            .send();
        let mut names = Vec::new();
        while let Some(name) = pages.next().await {
            match name.found("ListRolePolicies", &self.name)? {
                Some(name) => names.push(name),
                None => break,
            }
        }
        Ok(names)
    }

    async fn attached_policies(&self, context: &Context) -> Result<BTreeSet<String>, AwsError> {
        let call = context.aws.iam.list_attached_role_policies().role_name(&self.name);
        let mut pages = call.into_paginator().items().send();
        let mut arns = BTreeSet::new();
        while let Some(policy) = pages.next().await {
            match policy.found("ListAttachedRolePolicies", &self.name)? {
                Some(policy) => arns.extend(policy.policy_arn),
                None => break,
            }
        }
        Ok(arns)
    }

    async fn put_policy(&self, name: &str, context: &Context) -> Result<(), AwsError> {
        let document = self.policies.get(name).map(PolicyDocument::to_json);
        let call = context
            .aws
            .iam
            .put_role_policy()
            .role_name(&self.name)
            .policy_name(name);
        call.set_policy_document(document)
            .send()
            .await
            .doing("PutRolePolicy", &self.name)?;
        Ok(())
    }

    async fn delete_policy(&self, name: &str, context: &Context) -> Result<(), AwsError> {
        let call = context
            .aws
            .iam
            .delete_role_policy()
            .role_name(&self.name)
            .policy_name(name);
        call.send().await.found("DeleteRolePolicy", &self.name)?;
        Ok(())
    }

    async fn attach(&self, arn: &str, context: &Context) -> Result<(), AwsError> {
        let call = context
            .aws
            .iam
            .attach_role_policy()
            .role_name(&self.name)
            .policy_arn(arn);
        call.send().await.doing("AttachRolePolicy", &self.name)?;
        Ok(())
    }

    async fn detach(&self, arn: &str, context: &Context) -> Result<(), AwsError> {
        let call = context
            .aws
            .iam
            .detach_role_policy()
            .role_name(&self.name)
            .policy_arn(arn);
        call.send().await.found("DetachRolePolicy", &self.name)?;
        Ok(())
    }

    async fn put_boundary(&self, context: &Context) -> Result<(), AwsError> {
        let iam = &context.aws.iam;
        if let Some(arn) = &self.permissions_boundary {
            let call = iam
                .put_role_permissions_boundary()
                .role_name(&self.name)
                .permissions_boundary(arn);
            call.send().await.doing("PutRolePermissionsBoundary", &self.name)?;
        } else {
            let call = iam.delete_role_permissions_boundary().role_name(&self.name);
            call.send().await.found("DeleteRolePermissionsBoundary", &self.name)?;
        }
        Ok(())
    }

    fn tags(&self, tags: &Tags) -> Result<Vec<Tag>, AwsError> {
        let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
        tags.iter()
            .map(tag)
            .collect::<Result<_, _>>()
            .map_err(|e| malformed("TagRole", &self.name, &e))
    }
}

/// IAM returns documents percent-encoded. One that is not is read as it is: it may hold a percent sign.
fn decoded(document: &str) -> PolicyDocument {
    if document.trim_start().starts_with('{') {
        return PolicyDocument::parse(document);
    }
    PolicyDocument::parse(&percent_decode_str(document).decode_utf8_lossy())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;
    use crate::stack::kinds::replay::{lines, tags};

    fn document(action: &str) -> PolicyDocument {
        PolicyDocument::new([json!({ "Effect": "Allow", "Action": action, "Resource": "*" })])
    }

    fn role() -> Role {
        Role {
            name: "Acme-us-east-1-ApiRole".into(),
            path: "/".into(),
            description: "Runs the API".into(),
            trust: document("sts:AssumeRole"),
            policies: BTreeMap::from([("Kairos".into(), document("sqs:SendMessage"))]),
            attached: BTreeSet::new(),
            permissions_boundary: None,
            max_session: 3600,
            tags: tags(),
        }
    }

    #[track_caller]
    fn check(held: &Role, expect: &Expect) {
        expect.assert_eq(&lines(&role().diff(held)));
    }

    #[test]
    fn extra_policies_are_drift_and_a_path_replaces() {
        check(&role(), &expect![""]);
        let mut held = Role {
            path: "/other/".into(),
            max_session: 7200,
            ..role()
        };
        held.policies.insert("Extra".into(), document("s3:*"));
        held.attached
            .insert("arn:aws:iam::aws:policy/AdministratorAccess".into());
        held.permissions_boundary = Some("arn:aws:iam::1:policy/Bound".into());
        check(
            &held,
            &expect![[r#"
            Path: /other/ → / (replaces)
            Policies.Extra: {"Statement":[{"Action":"s3:*","Effect":"Allow","Resource":"*"}],"Version":"2012-10-17"} → none
            ManagedPolicyArns: ["arn:aws:iam::aws:policy/AdministratorAccess"] → []
            PermissionsBoundary: arn:aws:iam::1:policy/Bound → none
            MaxSessionDuration: 7200 → 3600"#]],
        );
    }

    #[test]
    fn documents_come_percent_encoded() {
        let text = document("sqs:SendMessage")
            .to_json()
            .replace('"', "%22")
            .replace('{', "%7B")
            .replace(' ', "%20");
        assert_eq!(decoded(&text), document("sqs:SendMessage"));
    }
}
