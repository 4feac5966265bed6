# The two roles of the pipeline, which GitHub's workflows take by OIDC: no key is stored anywhere. Applied once, by an
# administrator, from a machine with credentials.

terraform {
  required_version = ">= 1.10"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

provider "aws" {
  region = var.region
}

locals {
  issuer = "token.actions.githubusercontent.com"

  # What a workflow's token says of itself, role by role: any pull request of the repository plans, the environment applies.
  roles = {
    plan  = "repo:${var.repository}:pull_request"
    apply = "repo:${var.repository}:environment:${var.environment}"
  }

  # As `terraform-provider-kairos permissions … --out policies` wrote them: kairos-plan-1.json and so on.
  policies = merge([
    for role, duties in { plan = ["plan", "procesos"], apply = ["plan", "apply", "procesos"] } : merge([
      for duty in duties : {
        for file in fileset(var.policies, "kairos-${duty}-*.json") : "${role}/${file}" => {
          role = role
          file = file
        }
      }
    ]...)
  ]...)
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "pipeline" {
  for_each = local.roles

  name                 = "kairos-${each.key}"
  description          = "Terraform's ${each.key} of Kairos, from the workflows of ${var.repository}."
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 3600
}

# Managed policies, since what a stack needs is longer than a role's inline policies may be.
resource "aws_iam_policy" "kairos" {
  for_each = local.policies

  name   = "kairos-${replace(trimsuffix(each.key, ".json"), "/", "-")}"
  policy = file("${var.policies}/${each.value.file}")
}

resource "aws_iam_role_policy_attachment" "kairos" {
  for_each = local.policies

  role       = aws_iam_role.pipeline[each.value.role].name
  policy_arn = aws_iam_policy.kairos[each.key].arn
}

# The state: the plan reads it, the apply writes it and its lock.
data "aws_iam_policy_document" "state" {
  for_each = local.roles

  statement {
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${var.state_bucket}"]
  }

  statement {
    actions = each.key == "plan" ? ["s3:GetObject"] : ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = [
      "arn:aws:s3:::${var.state_bucket}/kairos.tfstate",
      "arn:aws:s3:::${var.state_bucket}/kairos.tfstate.tflock",
    ]
  }
}

resource "aws_iam_role_policy" "state" {
  for_each = local.roles

  name   = "state"
  role   = aws_iam_role.pipeline[each.key].name
  policy = data.aws_iam_policy_document.state[each.key].json
}
