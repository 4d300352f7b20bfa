// Copyright (c) The terraform-provider-waldur authors
// SPDX-License-Identifier: MPL-2.0

// The Waldur usage provider for Terraform and OpenTofu.
package main

import (
	"context"
	"flag"
	"log"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"

	"terraform-provider-waldur/internal/provider"
)

// version is set by the build.
var version = "dev"

func main() {
	debug := flag.Bool("debug", false, "run under a debugger such as delve")
	flag.Parse()
	err := providerserver.Serve(context.Background(), provider.New(version), providerserver.ServeOpts{
		Address: "terraform.local/waldur/waldur",
		Debug:   *debug,
	})
	if err != nil {
		log.Fatal(err)
	}
}
