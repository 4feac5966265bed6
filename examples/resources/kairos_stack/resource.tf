resource "kairos_stack" "this" {
  name                = "Kairos"
  notification_emails = ["operaciones@example.com"]

  # The executor may assume roles whose names begin so, and no others.
  executor = { role_prefix = "proceso-" }
}

# Known in the plan that creates the stack: whom the roles of processes trust.
output "executor_role_arn" {
  value = kairos_stack.this.executor_role_arn
}
