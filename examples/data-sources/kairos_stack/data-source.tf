data "kairos_stack" "cron" {
  name = "Kairos"
}

# What runs the processes, for whoever writes the policies of their targets.
output "executor_role_arn" {
  value = data.kairos_stack.cron.executor_role_arn
}

output "api_url" {
  value = data.kairos_stack.cron.api_url
}
