//! What is generated for whom, and that it fits into IAM.

use kairos::names::{Names, Place};

use super::*;

fn subject(app: &str, partition: &str, region: &str) -> Subject {
    let place = Place {
        partition: partition.into(),
        account: "123456789012".into(),
        region: region.into(),
    };
    Subject::new(Names::new(app, place))
}

fn acme() -> Subject {
    subject("Acme", "aws", "us-east-1")
}

fn with_everything(subject: Subject) -> Subject {
    let key = "arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let layer = "arn:aws:lambda:us-east-1:580247275435:layer:LambdaInsightsExtension:53";
    Subject {
        role_path: "/kairos/".into(),
        permissions_boundary_arn: Some("arn:aws:iam::123456789012:policy/Frontera".into()),
        kms_key_arn: Some(key.into()),
        domain_name: Some("api.example.com".into()),
        layers: vec![layer.into()],
        ..subject
    }
}

/// The statements of a duty that allow `action`.
fn allowing(subject: &Subject, duty: Duty, action: &str) -> Vec<Statement> {
    let documents = policies(subject, duty).into_iter();
    let statements = documents.flat_map(|document| document.statement);
    statements
        .filter(|statement| statement.action.contains(action))
        .collect()
}

fn actions(subject: &Subject, duty: Duty) -> BTreeSet<&'static str> {
    let documents = policies(subject, duty).into_iter();
    documents
        .flat_map(|document| document.statement)
        .flat_map(|statement| statement.action)
        .collect()
}

#[test]
fn every_policy_fits_into_iam_and_all_of_them_onto_one_role() {
    let longest = subject("N23456789012345678901234", "aws-us-gov", "ap-southeast-99");
    for subject in [
        acme(),
        with_everything(acme()),
        longest.clone(),
        with_everything(longest),
    ] {
        let mut count = 0;
        for duty in Duty::ALL {
            for document in policies(&subject, duty) {
                assert!(
                    document.length() <= LIMIT,
                    "{} has {}",
                    duty.as_str(),
                    document.length()
                );
                count += 1;
            }
        }
        // IAM attaches 10 managed policies to a role where nobody asked for more.
        assert!(count <= 10, "{count} policies");
    }
}

#[test]
fn a_plan_and_data_sources_only_read() {
    let reads = ["Get", "List", "Describe", "GET", "Decrypt", "BatchGet", "Query", "Scan"];
    for duty in [Duty::Plan, Duty::Data] {
        for action in actions(&with_everything(acme()), duty) {
            let verb = action.split(':').nth(1).unwrap_or_default();
            assert!(
                reads.iter().any(|read| verb.starts_with(read)),
                "{action} is no reading"
            );
        }
    }
}

#[test]
fn an_apply_deletes_no_data_and_a_destroy_creates_nothing() {
    let apply = actions(&acme(), Duty::Apply);
    for kept in [
        "dynamodb:DeleteTable",
        "sqs:DeleteQueue",
        "scheduler:DeleteScheduleGroup",
        "sns:DeleteTopic",
    ] {
        assert!(!apply.contains(kept), "{kept}");
    }
    for removable in ["apigateway:DELETE", "sns:Unsubscribe", "lambda:DeleteFunction"] {
        assert!(apply.contains(removable), "{removable}");
    }
    let of_the_api_only = &allowing(&acme(), Duty::Apply, "lambda:DeleteFunction")[0].resource;
    assert!(
        of_the_api_only.iter().all(|arn| arn.ends_with(":AcmeApi")),
        "{of_the_api_only:?}"
    );
    for action in actions(&acme(), Duty::Destroy) {
        assert!(!action.contains(":Create") && !action.ends_with("POST"), "{action}");
    }
}

#[test]
fn roles_are_handed_to_their_service_only_and_carry_their_path() {
    let subject = with_everything(acme());
    let [pass] = &allowing(&subject, Duty::Apply, "iam:PassRole")[..] else {
        unreachable!("one statement passes the functions' roles");
    };
    let to = &pass.condition["StringEquals"]["iam:PassedToService"];
    assert_eq!(to, &["lambda.amazonaws.com"]);
    assert_eq!(pass.resource.len(), 3);
    let under_path = |arn: &String| arn.starts_with("arn:aws:iam::123456789012:role/kairos/Acme-us-east-1-");
    assert!(pass.resource.iter().all(under_path), "{:?}", pass.resource);
    let [pass] = &allowing(&subject, Duty::Procesos, "iam:PassRole")[..] else {
        unreachable!("one statement passes the scheduler's role");
    };
    assert_eq!(
        pass.condition["StringEquals"]["iam:PassedToService"],
        ["scheduler.amazonaws.com"]
    );
}

#[test]
fn with_a_boundary_no_role_is_made_without_it() {
    let bounded = with_everything(acme());
    for action in ["iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"] {
        for statement in allowing(&bounded, Duty::Apply, action) {
            let boundary = &statement.condition["StringEquals"]["iam:PermissionsBoundary"];
            assert_eq!(boundary, &["arn:aws:iam::123456789012:policy/Frontera"], "{action}");
        }
    }
    assert!(allowing(&bounded, Duty::Apply, "iam:DeleteRolePermissionsBoundary").is_empty());
    assert!(!allowing(&acme(), Duty::Apply, "iam:DeleteRolePermissionsBoundary").is_empty());
}

#[test]
fn a_key_is_used_through_the_services_alone() {
    assert!(
        actions(&acme(), Duty::Apply)
            .iter()
            .all(|action| !action.starts_with("kms:"))
    );
    for duty in Duty::ALL {
        for document in policies(&with_everything(acme()), duty) {
            for statement in document
                .statement
                .iter()
                .filter(|s| s.action.iter().any(|a| a.starts_with("kms:")))
            {
                assert!(
                    statement.condition["StringEquals"].contains_key("kms:ViaService"),
                    "{statement:?}"
                );
            }
        }
    }
}

#[test]
fn a_scope_is_wider_than_our_names_only_where_a_reason_says_so() {
    let subject = acme();
    for part in [subject.parts(), subject.procesos()].concat() {
        for grant in part.permissions.grants {
            let wide = |arn: &String| arn == "*" || (arn.contains('*') && !arn.contains("Acme"));
            assert!(
                grant.scope.because.is_some() || !grant.scope.resources.iter().any(wide),
                "{}: {:?} on {:?}",
                part.name,
                grant.actions,
                grant.scope.resources
            );
        }
    }
}

#[test]
fn a_pattern_covers_what_it_matches() {
    for (wide, narrow, expected) in [
        ("*", "arn:a", true),
        ("arn:a", "arn:a", true),
        ("arn:a", "arn:ab", false),
        ("/restapis/*", "/restapis/*/stages/prod", true),
        ("/restapis/*/stages/*", "/restapis/*", false),
        ("/restapis/*/stages/*", "/restapis/*/stages/prod", true),
        ("/restapis/*", "/restapis", false),
        ("a*c", "abcd", false),
    ] {
        assert_eq!(covers(wide, narrow), expected, "{wide} over {narrow}");
    }
}
