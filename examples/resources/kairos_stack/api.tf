resource "kairos_stack" "con_api" {
  name     = "Pedidos"
  executor = { role_prefix = "pedidos-" }

  # At https://api.example.com/kairos/, a regional domain of API Gateway that exists.
  api = {
    domain_name    = "api.example.com"
    mapping_key    = "kairos"
    throttle_rate  = 50
    throttle_burst = 100
    quota_per_day  = 100000
  }
}

output "api_url" {
  value = kairos_stack.con_api.api_url
}

# For the header x-api-key.
output "api_key" {
  value     = kairos_stack.con_api.api_key
  sensitive = true
}
