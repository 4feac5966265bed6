# Two ways to write the same schedule.
output "canonica" {
  value = provider::kairos::cron_canonico("00 3 ? * MON-FRI *")
}

output "es_la_misma" {
  value = provider::kairos::cron_canonico("0 3 ? * 2-6 *") == provider::kairos::cron_canonico("00 3 ? * MON-FRI *")
}

# A variable that only takes what the schedule language accepts.
variable "cron" {
  type    = string
  default = "rate(60 minutes)"

  validation {
    condition     = can(provider::kairos::cron_canonico(var.cron))
    error_message = "cron must be a schedule expression, such as 0 3 * * ? *, rate(5 minutes) or at(2030-01-01T00:00:00)."
  }
}

output "cron" {
  value = provider::kairos::cron_canonico(var.cron)
}
