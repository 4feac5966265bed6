//! The customer's key: what its ARN tells, and what its policy must allow.
//!
//! Invariant: pure. The key itself is never read: whether its policy allows what is needed shows when it is used.

use kairos::names::{Names, Place};
use serde_json::{Value, json};

use super::topology::dns_suffix;

/// Why a key cannot be used by a stack at `place`, where its ARN tells so; none of the services takes a key of another region.
pub fn elsewhere(arn: &str, place: &Place) -> Option<String> {
    let [partition, region, _] = parts(arn)?;
    if partition != place.partition {
        return Some(format!(
            "The key \"{arn}\" is of the partition \"{partition}\", and the provider works in \"{}\".",
            place.partition
        ));
    }
    (region != place.region).then(|| {
        format!(
            "The key \"{arn}\" is of the region \"{region}\", and the stack is in \"{}\". A multi-Region key has an ARN in \
             each of its Regions.",
            place.region
        )
    })
}

/// What the user has to see to, in words and as statements.
pub fn needs(arn: &str, names: &Names) -> String {
    let [_, _, account] = parts(arn).unwrap_or_default();
    let theirs = if account == names.place.account {
        String::new()
    } else {
        format!(
            "The key belongs to the account {account}, and the stack to {}. DynamoDB, SQS, SNS, CloudWatch Logs and Lambda \
             must all be allowed to use it from there.\n\n",
            names.place.account
        )
    };
    let statements = serde_json::to_string_pretty(&statements(names)).unwrap_or_default();
    format!(
        "{theirs}Kairos does not read a key's policy. If it lacks any of these, apply fails where AWS refuses, or alarms are \
         lost (the data source kairos_politica_kms gives them to a configuration that has the key):\n\n{statements}"
    )
}

/// The statements that the policy of the key must have, as a list.
pub fn statements(names: &Names) -> Value {
    let Place {
        partition,
        account,
        region,
    } = &names.place;
    let suffix = dns_suffix(partition);
    json!([
        {
            "Sid": "AccountByIam",
            "Effect": "Allow",
            "Principal": { "AWS": format!("arn:{partition}:iam::{account}:root") },
            "Action": ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
            "Resource": "*",
        },
        {
            "Sid": "AlarmsToTopic",
            "Effect": "Allow",
            "Principal": { "Service": "cloudwatch.amazonaws.com" },
            "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
            "Resource": "*",
            "Condition": { "StringEquals": { "aws:SourceAccount": account } },
        },
        {
            "Sid": "LogGroups",
            "Effect": "Allow",
            "Principal": { "Service": format!("logs.{region}.{suffix}") },
            "Action": ["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "Resource": "*",
            "Condition": { "ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": [
                    names.arn("logs", &format!("log-group:/aws/lambda/{}*", names.app)),
                    names.arn("logs", &format!("log-group:/aws/apigateway/{}/*", names.app)),
                ],
            } },
        },
    ])
}

/// Partition, region and account of an ARN.
fn parts(arn: &str) -> Option<[&str; 3]> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    (parts.len() == 6).then(|| [parts[1], parts[3], parts[4]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new(
            "demo",
            Place {
                partition: "aws".into(),
                account: "123456789012".into(),
                region: "sa-east-1".into(),
            },
        )
    }

    #[test]
    fn a_key_of_another_partition_or_region_is_refused_and_one_of_another_account_is_not() {
        let check = |arn: &str| elsewhere(arn, &names().place);
        assert_eq!(check("arn:aws:kms:sa-east-1:123456789012:key/k"), None);
        assert_eq!(check("arn:aws:kms:sa-east-1:999999999999:key/k"), None);
        for (arn, tells) in [
            (
                "arn:aws:kms:eu-west-1:123456789012:key/k",
                "\"eu-west-1\", and the stack is in \"sa-east-1\"",
            ),
            ("arn:aws-cn:kms:cn-north-1:123456789012:key/k", "partition \"aws-cn\""),
        ] {
            let told = check(arn).unwrap_or_default();
            assert!(told.contains(tells), "{told}");
        }
    }

    #[test]
    fn the_statements_name_who_uses_the_key_in_this_place() {
        let told = needs("arn:aws:kms:sa-east-1:123456789012:key/k", &names());
        for part in [
            "cloudwatch.amazonaws.com",
            "logs.sa-east-1.amazonaws.com",
            "arn:aws:iam::123456789012:root",
            "log-group:/aws/lambda/demo*",
        ] {
            assert!(told.contains(part), "{told}");
        }
        assert!(!told.contains("belongs to the account"), "{told}");
        let theirs = needs("arn:aws:kms:sa-east-1:999999999999:key/k", &names());
        assert!(
            theirs.starts_with("The key belongs to the account 999999999999"),
            "{theirs}"
        );
    }
}
