// Holds the talks of talks.py with the Go SDKs, as people use them: a JSON object a line in, one a line
// out.
//
//	in   {id, client, base, key, model, talk, stream}
//	out  {id, answers} or {id, error: {class, status, type, message}}
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"os"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"
	"google.golang.org/genai"
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

func asksGoogle(j *job) *genai.GenerateContentConfig {
	asked := &genai.GenerateContentConfig{MaxOutputTokens: int32(j.Talk.Limit),
		SystemInstruction: genai.NewContentFromText(j.Talk.System, genai.RoleUser)}
	for _, t := range j.Talk.Tools {
		asked.Tools = append(asked.Tools, &genai.Tool{FunctionDeclarations: []*genai.FunctionDeclaration{
			{Name: t.Name, Description: t.Description, ParametersJsonSchema: t.Schema}}})
	}
	if j.Talk.Schema != nil {
		asked.ResponseMIMEType, asked.ResponseJsonSchema = "application/json", j.Talk.Schema
	}
	if j.Talk.Thinks {
		asked.ThinkingConfig = &genai.ThinkingConfig{IncludeThoughts: true,
			ThinkingBudget: genai.Ptr[int32](1024)}
	}
	return asked
}

// One page, as a stream of them.
func onePage(page *genai.GenerateContentResponse, err error) iter.Seq2[*genai.GenerateContentResponse, error] {
	return func(yield func(*genai.GenerateContentResponse, error) bool) { yield(page, err) }
}

func googleGenai(ctx context.Context, j *job) ([]answer, error) {
	client, err := genai.NewClient(ctx, &genai.ClientConfig{APIKey: j.Key,
		Backend: genai.BackendGeminiAPI, HTTPOptions: genai.HTTPOptions{BaseURL: j.Base,
			RetryOptions: &genai.HTTPRetryOptions{Attempts: genai.Ptr[int32](1)}}})
	if err != nil {
		return nil, err
	}
	parts := []*genai.Part{genai.NewPartFromText(j.Talk.User)}
	if j.Talk.Image != nil {
		data, err := base64.StdEncoding.DecodeString(j.Talk.Image.Data)
		if err != nil {
			return nil, err
		}
		parts = append(parts, genai.NewPartFromBytes(data, j.Talk.Image.Type))
	}
	contents := []*genai.Content{genai.NewContentFromParts(parts, genai.RoleUser)}
	asked, stops := asksGoogle(j), map[genai.FinishReason]string{"STOP": "end", "MAX_TOKENS": "length"}
	var answers []answer
	for {
		pages := client.Models.GenerateContentStream(ctx, j.Model, contents, asked)
		if !j.Stream {
			pages = onePage(client.Models.GenerateContent(ctx, j.Model, contents, asked))
		}
		said, back, results := answer{Calls: [][]any{}}, []*genai.Part{}, []*genai.Part{}
		for page, err := range pages {
			if err != nil {
				return nil, err
			}
			if use := page.UsageMetadata; use != nil {
				said.Tokens = [3]int64{int64(use.PromptTokenCount), int64(use.CachedContentTokenCount),
					int64(use.CandidatesTokenCount + use.ThoughtsTokenCount)}
			}
			for _, candidate := range page.Candidates {
				if candidate.FinishReason != "" {
					said.Stop = stops[candidate.FinishReason]
				}
				if candidate.Content == nil {
					continue
				}
				for _, part := range candidate.Content.Parts {
					// What holds nothing is none for the API; as JSON an empty text has gone.
					if part.Text != "" || part.FunctionCall != nil || part.ThoughtSignature != nil {
						back = append(back, part)
					}
					switch call := part.FunctionCall; {
					case call != nil:
						said.Calls = append(said.Calls, []any{call.Name, call.Args})
						result := genai.NewPartFromFunctionResponse(call.Name,
							map[string]any{"output": j.Talk.Results[call.Name]})
						result.FunctionResponse.ID = call.ID
						results = append(results, result)
					case part.Thought:
						said.Thinking += part.Text
					default:
						said.Text += part.Text
					}
				}
			}
		}
		if len(results) > 0 && said.Stop == "end" {
			said.Stop = "tools"
		}
		answers = append(answers, said)
		if len(results) == 0 {
			return answers, nil
		}
		contents = append(contents, genai.NewContentFromParts(back, genai.RoleModel),
			genai.NewContentFromParts(results, genai.RoleUser))
	}
}

var clients = map[string]func(context.Context, *job) ([]answer, error){
	"openai chat (Go)":      openaiChat,
	"openai responses (Go)": openaiResponses,
	"anthropic (Go)":        anthropicMessages,
	"google-genai (Go)":     googleGenai,
}

// One error type stands for all statuses in each SDK.
func describe(err error) map[string]any {
	var ofOpenAI *openai.Error
	var ofAnthropic *anthropic.Error
	var ofGoogle genai.APIError
	switch {
	case errors.As(err, &ofOpenAI):
		return map[string]any{"class": fmt.Sprintf("%T", err), "status": ofOpenAI.StatusCode,
			"type": ofOpenAI.Type, "message": ofOpenAI.Message}
	case errors.As(err, &ofAnthropic):
		return map[string]any{"class": fmt.Sprintf("%T", err), "status": ofAnthropic.StatusCode,
			"type": ofAnthropic.Type(), "message": err.Error()}
	case errors.As(err, &ofGoogle):
		return map[string]any{"class": fmt.Sprintf("%T", err), "status": ofGoogle.Code,
			"type": ofGoogle.Status, "message": ofGoogle.Message}
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
