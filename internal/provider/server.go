package provider

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// NewServer returns a constructor of the provider's protocol server.
//
// It is the framework's server, but the rows of summaries bypass the framework. The framework would
// turn each value into several Go values, and copy, compare and transform them. That costs about 20
// times as much as the rest of a read, and can turn decimals into binary floats. Instead, the data
// source encodes its rows once, in the format of Terraform's protocol. The server puts these bytes
// into the framework's response, where summaries is null.
func NewServer(version string) func() tfprotov6.ProviderServer {
	framework := providerserver.NewProtocol6(New(version)())
	return func() tfprotov6.ProviderServer { return &server{framework()} }
}

type server struct{ tfprotov6.ProviderServer }

// ReadDataSource reads a data source with the framework, and puts the rows into its response.
func (s *server) ReadDataSource(ctx context.Context, req *tfprotov6.ReadDataSourceRequest) (*tfprotov6.ReadDataSourceResponse, error) {
	var rows encodedRows
	resp, err := s.ProviderServer.ReadDataSource(context.WithValue(ctx, encodedRowsKey{}, &rows), req)
	if err != nil || rows == nil || resp.State == nil {
		return resp, err
	}
	var state map[string]msgpack.RawMessage
	if err := msgpack.Unmarshal(resp.State.MsgPack, &state); err != nil {
		return nil, fmt.Errorf("cannot decode the state of %s: %w", req.TypeName, err)
	}
	maps.Copy(state, rows)
	encoded := bytes.NewBuffer(make([]byte, 0, len(resp.State.MsgPack)+len(rows["summaries"])+len(rows["total_count"])))
	if err := msgpack.NewEncoder(encoded).Encode(state); err != nil {
		return nil, fmt.Errorf("cannot encode the state of %s: %w", req.TypeName, err)
	}
	resp.State.MsgPack = encoded.Bytes()
	return resp, nil
}

// CallFunction mends null arguments, which OpenTofu sends as empty values.
func (s *server) CallFunction(ctx context.Context, req *tfprotov6.CallFunctionRequest) (*tfprotov6.CallFunctionResponse, error) {
	for _, argument := range req.Arguments {
		if len(argument.MsgPack)+len(argument.JSON) == 0 {
			argument.MsgPack = []byte{msgpcode.Nil}
		}
	}
	return s.ProviderServer.CallFunction(ctx, req)
}
