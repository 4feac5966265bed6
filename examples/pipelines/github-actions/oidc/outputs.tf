output "roles" {
  description = "For the repository's variables AWS_PLAN_ROLE and AWS_APPLY_ROLE."
  value       = { for name, role in aws_iam_role.pipeline : name => role.arn }
}
