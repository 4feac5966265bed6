provider "kairos" {
  region = "sa-east-1"
}

provider "kairos" {
  alias  = "virginia"
  region = "us-east-1"
}

resource "kairos_stack" "santiago" {
  name     = "Kairos"
  executor = { role_prefix = "proceso-" }
}

# The same name in another region is another stack.
resource "kairos_stack" "virginia" {
  provider = kairos.virginia

  name     = "Kairos"
  executor = { role_prefix = "proceso-" }
}
