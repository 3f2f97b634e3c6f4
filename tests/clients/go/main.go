// Holds the talks of talks.py with the Go SDKs, as people use them: a JSON object a line in, one a line
// out.
//
//	in   {id, client, base, key, model, talk, stream}
//	out  {id, answers} or {id, error: {class, status, type, message}}
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
)

type tool struct {
	Name, Description string
	Schema            map[string]any
}

type talk struct {
	System, User string
	Image        *struct{ Type, Data string }
	Tools        []tool
	Results      map[string]string
	Schema       map[string]any
	Thinks       bool
	Limit        int64
}

type answer struct {
	Thinking string   `json:"thinking"`
	Text     string   `json:"text"`
	Calls    [][]any  `json:"calls"`
	Stop     string   `json:"stop"`
	Tokens   [3]int64 `json:"tokens"`
}

func (a *answer) call(name, arguments string) error {
	var value any
	err := json.Unmarshal([]byte(arguments), &value)
	a.Calls = append(a.Calls, []any{name, value})
	return err
}

type job struct {
	ID                       int
	Client, Base, Key, Model string
	Talk                     talk
	Stream                   bool
}

func (t *talk) url() string { return "data:" + t.Image.Type + ";base64," + t.Image.Data }

func openaiChat(ctx context.Context, j *job) ([]answer, error) {
	client := openai.NewClient(option.WithAPIKey(j.Key), option.WithBaseURL(j.Base+"/v1"),
		option.WithMaxRetries(0))
	parts := []openai.ChatCompletionContentPartUnionParam{openai.TextContentPart(j.Talk.User)}
	if j.Talk.Image != nil {
		parts = append(parts, openai.ImageContentPart(
			openai.ChatCompletionContentPartImageImageURLParam{URL: j.Talk.url()}))
	}
	asked := openai.ChatCompletionNewParams{
		Model:               j.Model,
		MaxCompletionTokens: openai.Int(j.Talk.Limit),
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(j.Talk.System), openai.UserMessage(parts)},
	}
	for _, t := range j.Talk.Tools {
		asked.Tools = append(asked.Tools, openai.ChatCompletionFunctionTool(
			shared.FunctionDefinitionParam{Name: t.Name, Description: openai.String(t.Description),
				Parameters: t.Schema, Strict: openai.Bool(true)}))
	}
	if j.Talk.Schema != nil {
		asked.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{
				Name: "answer", Schema: j.Talk.Schema, Strict: openai.Bool(true)}}
	}
	if j.Talk.Thinks {
		asked.ReasoningEffort = shared.ReasoningEffortLow
	}
	if j.Stream {
		asked.StreamOptions.IncludeUsage = openai.Bool(true)
	}
	var answers []answer
	for {
		var whole openai.ChatCompletion
		if j.Stream {
			stream, all := client.Chat.Completions.NewStreaming(ctx, asked),
				openai.ChatCompletionAccumulator{}
			for stream.Next() {
				all.AddChunk(stream.Current())
			}
			if stream.Err() != nil {
				return nil, stream.Err()
			}
			whole = all.ChatCompletion
		} else {
			got, err := client.Chat.Completions.New(ctx, asked)
			if err != nil {
				return nil, err
			}
			whole = *got
		}
		choice, stops := whole.Choices[0], map[string]string{"stop": "end", "tool_calls": "tools"}
		said := answer{Text: choice.Message.Content, Stop: stops[choice.FinishReason],
			Tokens: [3]int64{whole.Usage.PromptTokens, whole.Usage.PromptTokensDetails.CachedTokens,
				whole.Usage.CompletionTokens}, Calls: [][]any{}}
		if said.Stop == "" {
			said.Stop = choice.FinishReason
		}
		asked.Messages = append(asked.Messages, choice.Message.ToParam())
		for _, call := range choice.Message.ToolCalls {
			if err := said.call(call.Function.Name, call.Function.Arguments); err != nil {
				return nil, err
			}
			asked.Messages = append(asked.Messages,
				openai.ToolMessage(j.Talk.Results[call.Function.Name], call.ID))
		}
		answers = append(answers, said)
		if len(said.Calls) == 0 {
			return answers, nil
		}
	}
}

func openaiResponses(ctx context.Context, j *job) ([]answer, error) {
	client := openai.NewClient(option.WithAPIKey(j.Key), option.WithBaseURL(j.Base+"/v1"),
		option.WithMaxRetries(0))
	parts := responses.ResponseInputMessageContentListParam{
		responses.ResponseInputContentParamOfInputText(j.Talk.User)}
	if j.Talk.Image != nil {
		parts = append(parts, responses.ResponseInputContentUnionParam{
			OfInputImage: &responses.ResponseInputImageParam{
				ImageURL: openai.String(j.Talk.url()), Detail: "auto"}})
	}
	input := responses.ResponseInputParam{
		responses.ResponseInputItemParamOfMessage(parts, responses.EasyInputMessageRoleUser)}
	asked := responses.ResponseNewParams{Model: j.Model, Instructions: openai.String(j.Talk.System),
		Store: openai.Bool(false), MaxOutputTokens: openai.Int(j.Talk.Limit)}
	for _, t := range j.Talk.Tools {
		asked.Tools = append(asked.Tools, responses.ToolUnionParam{
			OfFunction: &responses.FunctionToolParam{Name: t.Name, Parameters: t.Schema,
				Description: openai.String(t.Description), Strict: openai.Bool(true)}})
	}
	if j.Talk.Schema != nil {
		asked.Text.Format.OfJSONSchema = &responses.ResponseFormatTextJSONSchemaConfigParam{
			Name: "answer", Schema: j.Talk.Schema, Strict: openai.Bool(true)}
	}
	if j.Talk.Thinks {
		asked.Reasoning = shared.ReasoningParam{Effort: shared.ReasoningEffortLow,
			Summary: shared.ReasoningSummaryAuto}
	}
	var answers []answer
	for {
		asked.Input.OfInputItemList = input
		var whole responses.Response
		if j.Stream {
			stream := client.Responses.NewStreaming(ctx, asked)
			for stream.Next() {
				switch event := stream.Current(); event.Type {
				case "response.completed", "response.incomplete":
					whole = event.Response
				}
			}
			if stream.Err() != nil {
				return nil, stream.Err()
			}
		} else {
			got, err := client.Responses.New(ctx, asked)
			if err != nil {
				return nil, err
			}
			whole = *got
		}
		use := whole.Usage
		said := answer{Text: whole.OutputText(), Stop: "end", Calls: [][]any{}, Tokens: [3]int64{
			use.InputTokens, use.InputTokensDetails.CachedTokens, use.OutputTokens}}
		for _, item := range whole.Output {
			switch item.Type {
			case "reasoning":
				thought := item.AsReasoning()
				for _, part := range thought.Summary {
					said.Thinking += part.Text
				}
				back := thought.ToParam()
				input = append(input, responses.ResponseInputItemUnionParam{OfReasoning: &back})
			case "message":
				input = append(input, responses.ResponseInputItemParamOfMessage(
					whole.OutputText(), responses.EasyInputMessageRoleAssistant))
			case "function_call":
				call := item.AsFunctionCall()
				if err := said.call(call.Name, call.Arguments); err != nil {
					return nil, err
				}
				input = append(input, responses.ResponseInputItemParamOfFunctionCall(
					call.Arguments, call.CallID, call.Name))
			}
		}
		for _, item := range whole.Output {
			if item.Type == "function_call" {
				call := item.AsFunctionCall()
				result := responses.ResponseInputItemParamOfFunctionCallOutput(
					j.Talk.Results[call.Name])
				result.OfFunctionCallOutput.CallID = openai.String(call.CallID)
				input = append(input, result)
			}
		}
		if len(said.Calls) > 0 {
			said.Stop = "tools"
		}
		if whole.IncompleteDetails.Reason == "max_output_tokens" {
			said.Stop = "length"
		}
		answers = append(answers, said)
		if len(said.Calls) == 0 {
			return answers, nil
		}
	}
}

func anthropicMessages(ctx context.Context, j *job) ([]answer, error) {
	client := anthropic.NewClient(anthropicoption.WithAPIKey(j.Key),
		anthropicoption.WithBaseURL(j.Base), anthropicoption.WithMaxRetries(0))
	blocks := []anthropic.ContentBlockParamUnion{anthropic.NewTextBlock(j.Talk.User)}
	if j.Talk.Image != nil {
		blocks = append(blocks, anthropic.NewImageBlockBase64(j.Talk.Image.Type, j.Talk.Image.Data))
	}
	asked := anthropic.MessageNewParams{
		Model: anthropic.Model(j.Model), MaxTokens: j.Talk.Limit,
		System:   []anthropic.TextBlockParam{{Text: j.Talk.System}},
		Messages: []anthropic.MessageParam{anthropic.NewUserMessage(blocks...)},
	}
	for _, t := range j.Talk.Tools {
		schema := anthropic.ToolInputSchemaParam{Properties: t.Schema["properties"]}
		for _, name := range t.Schema["required"].([]any) {
			schema.Required = append(schema.Required, name.(string))
		}
		made := anthropic.ToolUnionParamOfTool(schema, t.Name)
		made.OfTool.Description = anthropic.String(t.Description)
		asked.Tools = append(asked.Tools, made)
	}
	if j.Talk.Schema != nil {
		asked.OutputConfig.Format = anthropic.JSONOutputFormatParam{Schema: j.Talk.Schema}
	}
	if j.Talk.Thinks {
		asked.Thinking = anthropic.ThinkingConfigParamOfEnabled(1024)
	}
	stops := map[anthropic.StopReason]string{"end_turn": "end", "tool_use": "tools",
		"max_tokens": "length"}
	var answers []answer
	for {
		var whole anthropic.Message
		if j.Stream {
			stream := client.Messages.NewStreaming(ctx, asked)
			for stream.Next() {
				if err := whole.Accumulate(stream.Current()); err != nil {
					return nil, err
				}
			}
			if stream.Err() != nil {
				return nil, stream.Err()
			}
		} else {
			got, err := client.Messages.New(ctx, asked)
			if err != nil {
				return nil, err
			}
			whole = *got
		}
		cached := whole.Usage.CacheReadInputTokens
		said := answer{Stop: stops[whole.StopReason], Calls: [][]any{}, Tokens: [3]int64{
			whole.Usage.InputTokens + cached, cached, whole.Usage.OutputTokens}}
		var results []anthropic.ContentBlockParamUnion
		for _, block := range whole.Content {
			said.Text += block.Text
			said.Thinking += block.Thinking
			if block.Type == "tool_use" {
				if err := said.call(block.Name, string(block.Input)); err != nil {
					return nil, err
				}
				results = append(results,
					anthropic.NewToolResultBlock(block.ID, j.Talk.Results[block.Name], false))
			}
		}
		answers = append(answers, said)
		if len(results) == 0 {
			return answers, nil
		}
		asked.Messages = append(asked.Messages, whole.ToParam(),
			anthropic.NewUserMessage(results...))
	}
}

var clients = map[string]func(context.Context, *job) ([]answer, error){
	"openai chat (Go)":      openaiChat,
	"openai responses (Go)": openaiResponses,
	"anthropic (Go)":        anthropicMessages,
}

// One error type stands for all statuses in each SDK.
func describe(err error) map[string]any {
	var ofOpenAI *openai.Error
	var ofAnthropic *anthropic.Error
	switch {
	case errors.As(err, &ofOpenAI):
		return map[string]any{"class": fmt.Sprintf("%T", err), "status": ofOpenAI.StatusCode,
			"type": ofOpenAI.Type, "message": ofOpenAI.Message}
	case errors.As(err, &ofAnthropic):
		return map[string]any{"class": fmt.Sprintf("%T", err), "status": ofAnthropic.StatusCode,
			"type": ofAnthropic.Type(), "message": err.Error()}
	}
	return map[string]any{"class": fmt.Sprintf("%T", err), "message": err.Error()}
}

func main() {
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var j job
		if err := json.Unmarshal(lines.Bytes(), &j); err != nil {
			panic(err)
		}
		done := map[string]any{"id": j.ID}
		if answers, err := clients[j.Client](context.Background(), &j); err != nil {
			done["error"] = describe(err)
		} else {
			done["answers"] = answers
		}
		if err := out.Encode(done); err != nil {
			panic(err)
		}
	}
}
