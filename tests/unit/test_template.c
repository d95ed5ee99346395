/* Chat templates: recognition and rendering against published texts, spans, and the ids of rendered
 * prompts. */

#include "../../cli/json_read.h"
#include "base/utf8.h"
#include "support/check.h"
#include "support/fault.h"
#include "support/gguf_write.h"
#include "text/prompt.h"
#include "text/template.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))
#define MAX_MESSAGES 8

static const struct message CONVERSATION[] = {{MESSAGE_SYSTEM, " SYS\n", 5},
                                              {MESSAGE_USER, " USER ", 6},
                                              {MESSAGE_ASSISTANT, " YES ", 5},
                                              {MESSAGE_USER, "AGAIN", 5}};

static void check_spans(const struct rendered *rendered)
{
    size_t at = 0;
    for (size_t i = 0; i < rendered->n_spans; i++) {
        CHECK_UINT(rendered->spans[i].from, at);
        CHECK(rendered->spans[i].to > at);
        CHECK(i == 0 || rendered->spans[i].kind != rendered->spans[i - 1].kind);
        at = rendered->spans[i].to;
    }
    CHECK_UINT(at, rendered->text.n_bytes);
}

static void check_render(const struct template *template, const struct message *messages,
                         size_t n_messages, const char *expected)
{
    struct error err = {0};
    struct rendered rendered = {0};
    CHECK_INT(template_render(template, messages, n_messages, true, &rendered, &err), 0);
    CHECK_TEXT(rendered.text.data ? rendered.text.data : "", expected);
    check_spans(&rendered);
    rendered_deinit(&rendered);
}

static const struct template *find(const char *name)
{
    struct error err = {0};
    const struct template *template = NULL;
    CHECK_INT(template_find(name, &template, &err), 0);
    return template;
}

/* The conversation that the cases of cases.json share. */
static size_t read_conversation(const struct json *list, struct message *messages)
{
    size_t n = 0;
    for (const struct json *item = list ? list->first : NULL; item && n < MAX_MESSAGES;
         item = item->next) {
        const struct json *role = json_member(item, "role"), *text = json_member(item, "content");
        if (!CHECK(role && text))
            break;
        messages[n++] = (struct message){.role = *role->text == 's'   ? MESSAGE_SYSTEM
                                                 : *role->text == 'u' ? MESSAGE_USER
                                                                      : MESSAGE_ASSISTANT,
                                         .text = text->text,
                                         .n_bytes = text->n_bytes};
    }
    return n;
}

/* Recognises and renders one case; its text is what one of the two published expectations says. */
static void check_case_object(const struct json *item, const struct message *messages,
                              size_t n_messages)
{
    struct error err = {0};
    struct rendered rendered = {0};
    const struct template *template;
    const struct json *jinja = json_member(item, "template");
    const struct json *builtin = json_member(item, "expected_builtin");
    const struct json *by_jinja = json_member(item, "expected_jinja");
    REQUIRE(jinja && builtin && by_jinja);
    struct template_source source = {.jinja = jinja->text, .n_bytes = jinja->n_bytes};
    if (CHECK_INT(template_recognise(&source, &template, &err), 0) &&
        CHECK_INT(template_render(template, messages, n_messages, true, &rendered, &err), 0)) {
        const char *text = rendered.text.data;
        bool equal = strcmp(text, builtin->text) == 0 || strcmp(text, by_jinja->text) == 0;
        CHECK_TEXT(text, equal ? text : builtin->text);
        check_spans(&rendered);
    }
    rendered_deinit(&rendered);
}

TEST(published_conversations)
{
    size_t n_bytes, n_cases = 0;
    struct arena arena = {0};
    struct error err = {0};
    struct message messages[MAX_MESSAGES];
    char *text = check_read_file(check_data_path("templates/cases.json"), &n_bytes);
    if (text == NULL)
        SKIP("no templates/cases.json in the shared test data");
    const struct json *json = json_read(&arena, text, n_bytes, &err);
    const struct json *cases = json_member(json, "cases");
    REQUIRE(cases);
    size_t n_messages = read_conversation(json_member(json, "conversation"), messages);
    CHECK_UINT(n_messages, 6);
    for (const struct json *item = cases->first; item; item = item->next) {
        const struct json *name = json_member(item, "name");
        /* Two cases go on with roles of tools, which are no part of what trawl asks. */
        if (CHECK(name) && strstr(name->text, "tool call") == NULL) {
            check_case("%s", name->text);
            check_case_object(item, messages, n_messages);
            n_cases++;
        }
    }
    CHECK_UINT(n_cases, 22);
    arena_deinit(&arena);
    free(text);
}

/* The family of every template in the shared data; NULL: refused. */
static const struct {
    const char *file, *family;
} FAMILIES[] = {
    {"Apertus-8B-Instruct", NULL},
    {"Apriel-1.6-15b-Thinker-fixed", NULL},
    {"Bielik-11B-v3.0-Instruct", "chatml"},
    {"CohereForAI-c4ai-command-r-plus-tool_use", NULL},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", NULL},
    {"GLM-4.6", "glm4.6"},
    {"GigaChat3-10B-A1.8B", NULL},
    {"GigaChat3.1-10B-A1.8B", NULL},
    {"HuggingFaceTB-SmolLM3-3B", "smollm3"},
    {"Kimi-K2-Thinking", "kimi-k2"},
    {"LFM2-8B-A1B", "chatml"},
    {"LFM2.5-8B-A1B", "chatml"},
    {"MiMo-VL", "mimo"},
    {"MiniMax-M2", NULL},
    {"Mistral-Small-3.2-24B-Instruct-2506", "mistral-v7-tekken"},
    {"NVIDIA-Nemotron-Nano-v2", NULL},
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", NULL},
    {"NousResearch-Hermes-3-Llama-3.1-8B-tool_use", NULL},
    {"Qwen-Qwen2.5-7B-Instruct", "qwen2.5"},
    {"Qwen-Qwen3-0.6B", "qwen3"},
    {"Qwen3-Coder", "chatml"},
    {"Reka-Edge", NULL},
    {"StepFun3.5-Flash", "chatml-think"},
    {"deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "deepseek-r1-switch"},
    {"deepseek-ai-DeepSeek-V3.1", "deepseek-v3.2"},
    {"deepseek-ai-DeepSeek-V3.2", "deepseek-v3.2"},
    {"google-gemma-2-2b-it", "gemma"},
    {"google-gemma-4-31B-it-interleaved", "gemma4"},
    {"google-gemma-4-31B-it", "gemma4"},
    {"ibm-granite-granite-4.0", "granite-4.0"},
    {"ibm-granite-granite-4.1", "granite"},
    {"llama-cpp-deepseek-r1", "deepseek-r1-end"},
    {"meetkai-functionary-medium-v3.1", "functionary"},
    {"meetkai-functionary-medium-v3.2", NULL},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3.1"},
    {"meta-llama-Llama-3.3-70B-Instruct", "llama3.1"},
    {"microsoft-Phi-3.5-mini-instruct", "phi3"},
    {"mistralai-Ministral-3-14B-Reasoning-2512", "mistral-v7-tekken"},
    {"moonshotai-Kimi-K2", "kimi-k2"},
    {"openai-gpt-oss-120b", NULL},
    {"stepfun-ai-Step-3.5-Flash", "chatml-think"},
    {"unsloth-mistral-Devstral-Small-2507", "mistral-v7-tekken"},
    {"upstage-Solar-Open-100B", NULL},
};

TEST(recognises_or_refuses)
{
    if (check_data_path("templates") == NULL)
        SKIP("no templates in the shared test data");
    for (size_t i = 0; i < COUNT(FAMILIES); i++) {
        char relative[160];
        size_t n = 0;
        snprintf(relative, sizeof(relative), "templates/%s.jinja", FAMILIES[i].file);
        char *jinja = check_read_file(check_data_path(relative), &n);
        struct template_source source = {.jinja = jinja, .n_bytes = n};
        const struct template *template = NULL;
        struct error err = {0};
        check_case("%s", relative);
        if (jinja != NULL) {
            int rc = template_recognise(&source, &template, &err);
            CHECK_TEXT(rc == 0 ? template_name(template) : "refused",
                       FAMILIES[i].family ? FAMILIES[i].family : "refused");
            CHECK(rc == 0 ||
                  (err.kind == ERROR_UNSUPPORTED && strstr(err.text, "--template NAME") != NULL));
        }
        free(jinja);
    }
}

/* [system, user, assistant, user]; made with the models' own templates in Jinja2, thinking switched
 * off. */
TEST(renders_as_the_models_templates_do)
{
    static const struct {
        const char *name, *text;
    } EXPECTED[] = {
        {"chatml", "<|im_start|>system\n SYS\n<|im_end|>\n<|im_start|>user\n USER "
                   "<|im_end|>\n<|im_start|>assistant\n YES "
                   "<|im_end|>\n<|im_start|>user\nAGAIN<|im_end|>\n<|im_start|>assistant\n"},
        {"qwen3", "<|im_start|>system\n SYS\n<|im_end|>\n<|im_start|>user\n USER "
                  "<|im_end|>\n<|im_start|>assistant\n YES "
                  "<|im_end|>\n<|im_start|>user\nAGAIN<|im_end|>\n<|im_start|>assistant\n<think>"
                  "\n\n</think>\n\n"},
        {"llama3.1", "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
                     "December 2023\nToday Date: 26 Jul 2024\n\nSYS"
                     "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nUSER<|eot_id|><|start_"
                     "header_id|>assistant<|end_header_id|>"
                     "\n\nYES<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nAGAIN<|eot_id|><"
                     "|start_header_id|>assistant"
                     "<|end_header_id|>\n\n"},
        {"llama2", "[INST] <<SYS>>\nSYS\n<</SYS>>\n\nUSER [/INST] YES </s><s>[INST] AGAIN [/INST]"},
        {"mistral-v3-tekken", "[INST] USER [/INST] YES </s>[INST] SYS\n\n\nAGAIN[/INST]"},
        {"mistral-v7-tekken",
         "[SYSTEM_PROMPT] SYS\n[/SYSTEM_PROMPT][INST] USER [/INST] YES </s>[INST]AGAIN[/INST]"},
        {"gemma",
         "<start_of_turn>user\n "
         "SYS\n\n\nUSER<end_of_turn>\n<start_of_turn>model\nYES<end_of_turn>\n<start_of_turn>user\n"
         "AGAIN<end_of_turn>\n<start_of_turn>model\n"},
        {"phi3", "<|system|>\n SYS\n<|end|>\n<|user|>\n USER <|end|>\n<|assistant|>\n YES "
                 "<|end|>\n<|user|>\nAGAIN<|end|>\n"
                 "<|assistant|>\n"},
        {"zephyr", "<|system|>\n SYS\n</s>\n<|user|>\n USER </s>\n<|assistant|>\n YES "
                   "</s>\n<|user|>\nAGAIN</s>\n<|assistant|>\n"},
        {"wizardlm2", " SYS\n USER: USER ASSISTANT: YES</s> USER: AGAIN ASSISTANT:"},
        {"vicuna-v1.1", " SYS\n USER:  USER  ASSISTANT:  YES </s>USER: AGAIN ASSISTANT:"},
        {"yi", " SYS\n<|im_start|>user\n USER <|im_end|>\n<|im_start|>assistant\n YES <|im_end|>\n"
               "<|im_start|>user\nAGAIN<|im_end|>\n<|im_start|>assistant\n"},
        {"vicuna", " SYS\n\n\nUSER:  USER \nASSISTANT:  YES </s>\nUSER: AGAIN\nASSISTANT:"},
        {"plain", " SYS\n\n\n USER \nAnswer:  YES \n\nAGAIN\nAnswer:"},
        {"deepseek-v2", " SYS\n\n\nUser:  USER \n\nAssistant:  YES <｜end▁of▁sentence｜>User: "
                        "AGAIN\n\nAssistant:"},
    };
    for (size_t i = 0; i < COUNT(EXPECTED); i++) {
        check_case("%s", EXPECTED[i].name);
        check_render(find(EXPECTED[i].name), CONVERSATION, COUNT(CONVERSATION), EXPECTED[i].text);
    }
}

/* Several turns of one role; made likewise. Where the models' templates raise an exception, ours
 * refuses. */
TEST(renders_repeated_roles_as_the_models_templates_do)
{
    static const struct message messages[] = {
        {MESSAGE_SYSTEM, "S", 1},    {MESSAGE_USER, "A", 1},      {MESSAGE_USER, "B", 1},
        {MESSAGE_ASSISTANT, "C", 1}, {MESSAGE_ASSISTANT, "D", 1}, {MESSAGE_USER, "E", 1}};
    static const struct {
        const char *name, *text;
    } EXPECTED[] = {
        {"chatml",
         "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>user\nB<|im_"
         "end|>\n<|im_start|>assistant\nC<|im_end|>\n<|im_start|>assistant\nD<|im_end|>\n<|im_"
         "start|>user\nE<|im_end|>\n<|im_start|>assistant\n"},
        {"qwen2.5",
         "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>user\nB<|im_"
         "end|>\n<|im_start|>assistant\nC<|im_end|>\n<|im_start|>assistant\nD<|im_end|>\n<|im_"
         "start|>user\nE<|im_end|>\n<|im_start|>assistant\n"},
        {"qwen3",
         "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>user\nB<|im_"
         "end|>\n<|im_start|>assistant\nC<|im_end|>\n<|im_start|>assistant\nD<|im_end|>\n<|im_"
         "start|>user\nE<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"},
        {"mimo", "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>"
                 "user\nB<|im_end|>\n<|im_start|>assistant\nC<|im_end|>\n<|im_start|>assistant\nD<|"
                 "im_end|>\n<|im_start|>user\nE<|im_end|>\n<|im_start|>assistant\n"},
        {"llama3.1", "<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: "
                     "December 2023\nToday Date: 26 Jul "
                     "2024\n\nS<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|><|"
                     "start_header_id|>user<|end_header_id|>\n\nB<|eot_id|><|start_header_id|>"
                     "assistant<|end_header_id|>\n\nC<|eot_id|><|start_header_id|>assistant<|end_"
                     "header_id|>\n\nD<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nE<|eot_"
                     "id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"phi3", "<|system|>\nS<|end|>\n<|user|>\nA<|end|>\n<|user|>\nB<|end|>\n<|assistant|>\nC<|"
                 "end|>\n<|assistant|>\nD<|end|>\n<|user|>\nE<|end|>\n<|assistant|>\n"},
        {"granite", "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n<|start_of_role|>user<"
                    "|end_of_role|>A<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>B<|end_of_"
                    "text|>\n<|start_of_role|>assistant<|end_of_role|>C<|end_of_text|>\n<|start_of_"
                    "role|>assistant<|end_of_role|>D<|end_of_text|>\n<|start_of_role|>user<|end_of_"
                    "role|>E<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"},
        {"granite-4.0",
         "<|start_of_role|>system<|end_of_role|>S<|end_of_text|>\n<|start_of_role|>user<|end_of_"
         "role|>A<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>B<|end_of_text|>\n<|start_of_"
         "role|>assistant<|end_of_role|>C<|end_of_text|>\n<|start_of_role|>assistant<|end_of_role|>"
         "D<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>E<|end_of_text|>\n<|start_of_role|>"
         "assistant<|end_of_role|>"},
        {"glm4.6", "[gMASK]<sop><|system|>\nS<|user|>\nA/nothink<|user|>\nB/"
                   "nothink<|assistant|>\n<think></think>\nC<|assistant|>\n<think></"
                   "think>\nD<|user|>\nE/nothink<|assistant|>\n<think></think>"},
        {"smollm3", "<|im_start|>system\n## Metadata\n\nKnowledge Cutoff Date: June "
                    "2025\nReasoning Mode: /no_think\n\n## Custom "
                    "Instructions\n\nS\n\n<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>"
                    "user\nB<|im_end|>\n<|im_start|>assistant\n<think>\n\n</"
                    "think>\nC<|im_end|>\n<|im_start|>assistant\n<think>\n\n</"
                    "think>\nD<|im_end|>\n<|im_start|>user\nE<|im_end|>\n<|im_start|>assistant\n<"
                    "think>\n\n</think>\n"},
    };
    static const char *const STRICT[] = {"gemma", "mistral-v7-tekken", "llama2", "zephyr"};
    for (size_t i = 0; i < COUNT(EXPECTED); i++) {
        check_case("%s", EXPECTED[i].name);
        check_render(find(EXPECTED[i].name), messages, COUNT(messages), EXPECTED[i].text);
    }
    for (size_t i = 0; i < COUNT(STRICT); i++) {
        struct error err = {0};
        struct rendered rendered = {0};
        check_case("%s", STRICT[i]);
        CHECK_INT(
            template_render(find(STRICT[i]), messages, COUNT(messages), true, &rendered, &err), -1);
        CHECK_CONTAINS(err.text, "take turns");
        rendered_deinit(&rendered);
    }
}

TEST(recognises_small_templates)
{
    static const struct {
        const char *jinja, *family;
    } SMALL[] = {
        {NULL, "plain"},
        {"", "plain"},
        {"{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
         "chatml"},
        {"{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + "
         "message['content'] + eos_token }}\n"
         "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + "
         "eos_token }}\n{% elif message['role'] == "
         "'assistant' %}\n{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif "
         "%}\n{% if loop.last and "
         "add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
         "zephyr"},
        {"{{ bos_token }}{% for message in messages %}{{'<start_of_turn>' + role + "
         "'<end_of_turn>'}}{% endfor %}",
         "gemma"},
        {"{{-'USER: ' + message['content'] + '\n'-}}{{-'ASSISTANT: ' + message['content']}}",
         "vicuna"},
        {"{{ system_message }}{{ ' USER: ' + message['content'].strip() }}"
         "{{ ' ASSISTANT: ' + message['content'].strip() + eos_token }}{{ ' ASSISTANT:' }}",
         "wizardlm2"},
        {"{{ 'USER: ' + message['content'] + ' ' }}"
         "{{ 'ASSISTANT: ' + message['content'] + eos_token }}{{ 'ASSISTANT:' }}",
         "vicuna-v1.1"},
        {"{{ 'USER: ' + message['content'] | trim + '\n' }}"
         "{{ 'ASSISTANT: ' + message['content'] | trim + eos_token + '\n' }}{{ 'ASSISTANT:' }}",
         "vicuna"},
        /* Line ends as themselves and escaped, quotes of both kinds. */
        {"{{ '<|system|>\n' + message['content'] + '\n' }}{{ '<|user|>\n' + message['content'] + "
         "'\n' }}{{ '<|assistant|>\n' + message['content'] + eos_token }}",
         "falcon3"},
        {"{{ \"<|system|>\\n\" + message[\"content\"] + \"\\n\" }}{{ \"<|user|>\\n\" + "
         "message[\"content\"] + \"\\n\" }}{{ \"<|assistant|>\\n\" }}",
         "falcon3"},
        {"{{'<|im_start|>' + role + '\n' + content + '<|im_end|>\n'}}{{ "
         "'<|im_start|>assistant\n<think>\n\n</think>\n\n' }}",
         "qwen3"},
        {"{{'<|im_start|>' + role + '\n' + content + '<|im_end|>\n'}}{{- "
         "'<|im_start|>assistant\\n<think>\\n' }}\n{%- if not enable_thinking -%}{{- '</think>' -}}"
         "{%- endif -%}",
         "qwq"},
        {"{% if system_message is defined %}{{ system_message }}{% endif %}{{ "
         "'<|im_start|>user\\n' "
         "+ content + '<|im_end|>\\n<|im_start|>assistant\\n' }}",
         "yi"},
        {"{{ bos_token }}{{ ' [INST] ' + message['content'] + ' [/INST]' }}", "mistral-v1"},
    };
    for (size_t i = 0; i < COUNT(SMALL); i++) {
        struct template_source source = {.jinja = SMALL[i].jinja,
                                         .n_bytes = SMALL[i].jinja ? strlen(SMALL[i].jinja) : 0};
        const struct template *template;
        struct error err = {0};
        check_case("%s", SMALL[i].family);
        if (CHECK_INT(template_recognise(&source, &template, &err), 0))
            CHECK_TEXT(template_name(template), SMALL[i].family);
    }
    /* Like a family, but not its text. */
    static const char *const STRANGERS[] = {
        "{{ 'USER: ' + message['content'] + ' ASSISTANT: ' }}",
        "{{ '<|user|>\n' + message['content'] + '\n<|end|>\n<|assistant|>\n' }}",
        "<|START_OF_TURN_TOKEN|><|USER_TOKEN|><|START_TEXT|>{{ message['content'] }}<|END_TEXT|>",
    };
    const struct template *template;
    for (size_t i = 0; i < COUNT(STRANGERS); i++) {
        struct template_source source = {STRANGERS[i], strlen(STRANGERS[i])};
        struct error refused = {0};
        CHECK_INT(template_recognise(&source, &template, &refused), -1);
    }
    const char *unknown = "{{ '<|what_is_this|>' + messages[0]['content'] }}";
    struct error err = {0};
    CHECK_INT(
        template_recognise(&(struct template_source){unknown, strlen(unknown)}, &template, &err),
        -1);
    CHECK_INT(err.kind, ERROR_UNSUPPORTED);
    CHECK_CONTAINS(err.text, "<|what_is_this|>");
    CHECK_CONTAINS(err.text, "--template NAME");
}

/* The end token is the model's, whatever it is called. */
TEST(end_token_of_the_model)
{
    struct error err = {0};
    struct rendered rendered = {.eos = "<|endoftext|>", .n_eos = 13};
    struct message user = {MESSAGE_USER, "\3U", 2};
    CHECK_INT(template_render(find("zephyr"), &user, 1, true, &rendered, &err), 0);
    CHECK_TEXT(rendered.text.data, "<|user|>\n\3U<|endoftext|>\n<|assistant|>\n");
    check_spans(&rendered);
    rendered_deinit(&rendered);
}

TEST(writes_bos)
{
    static const char YES[] = "{{ bos_token }}{{ '<|im_start|>' }}", NO[] = "{{ '<|im_start|>' }}";
    CHECK(template_writes_bos(&(struct template_source){YES, strlen(YES)}));
    CHECK(!template_writes_bos(&(struct template_source){NO, strlen(NO)}));
    CHECK(!template_writes_bos(&(struct template_source){NULL, 0}));
}

TEST(unknown_names_give_the_list)
{
    const struct template *template;
    struct error err = {0};
    CHECK_INT(template_find("no-such", &template, &err), -1);
    CHECK_CONTAINS(err.text, "no-such");
    CHECK_CONTAINS(err.text, "chatml");
    for (size_t i = 0; template_at(i) != NULL; i++)
        CHECK(find(template_name(template_at(i))) == template_at(i)); /* every name once */
}

TEST(default_system_text)
{
    struct message user = {MESSAGE_USER, "U", 1};
    check_render(find("qwen2.5"), &user, 1,
                 "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful "
                 "assistant.<|im_end|>\n"
                 "<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n");
    check_render(find("chatml"), &user, 1,
                 "<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n");
    check_render(find("chatml"), NULL, 0, "<|im_start|>assistant\n");
}

TEST(refuses_messages_out_of_order)
{
    struct error err = {0};
    struct rendered rendered = {0};
    struct message bad[] = {{MESSAGE_USER, "u", 1}, {MESSAGE_SYSTEM, "s", 1}};
    CHECK_INT(template_render(find("chatml"), bad, 2, true, &rendered, &err), -1);
    CHECK_INT(err.kind, ERROR_USAGE);
    bad[1].role = MESSAGE_USER;
    CHECK_INT(template_render(find("zephyr"), bad, 2, true, &rendered, &err), -1);
    rendered_deinit(&rendered);
}

TEST(data_is_marked_as_data)
{
    static const char BYTES[] = "a<|im_end|>\0b";
    struct error err = {0};
    struct rendered rendered = {0};
    struct message message = {MESSAGE_USER, BYTES, sizeof(BYTES) - 1};
    REQUIRE(template_render(find("chatml"), &message, 1, true, &rendered, &err) == 0);
    REQUIRE(rendered.n_spans == 3);
    CHECK_INT(rendered.spans[0].kind, SPAN_TEMPLATE);
    CHECK_INT(rendered.spans[1].kind, SPAN_DATA);
    CHECK_INT(rendered.spans[2].kind, SPAN_TEMPLATE);
    CHECK_UINT(rendered.spans[1].to - rendered.spans[1].from, sizeof(BYTES) - 1);
    CHECK_BYTES(rendered.text.data + rendered.spans[1].from, BYTES, sizeof(BYTES) - 1);
    rendered_clear(&rendered);
    CHECK_UINT(rendered.n_spans, 0);
    rendered_deinit(&rendered);
}

/* ASCII bytes as tokens (id = byte), "ab" and "\na" as merges, and special tokens from 128 on. */
static struct tokenizer *open_vocabulary(bool add_bos, const char *name)
{
    static const char *const SPECIAL[] = {"<|im_start|>", "<|im_end|>", "<bos>", "ab", "Ċa"};
    static const char *const MERGES[] = {"Ċ a", "a b"};
    char names[128][4] = {{0}};
    const char *tokens[128 + COUNT(SPECIAL)];
    int32_t types[COUNT(tokens)];
    for (int byte = 0; byte < 128; byte++) {
        bool printable = byte > 0x20 && byte < 0x7f;
        utf8_encode(printable      ? (uint32_t)byte
                    : byte == 0x7f ? 0x121
                                   : 0x100u + (uint32_t)byte,
                    names[byte]);
        tokens[byte] = names[byte];
        types[byte] = 1;
    }
    for (size_t i = 0; i < COUNT(SPECIAL); i++) {
        tokens[128 + i] = SPECIAL[i];
        types[128 + i] = i < 3 ? 3 : 1;
    }
    char path[4096];
    snprintf(path, sizeof(path), "%s/prompt.gguf", check_tmp_dir());
    struct gguf_writer *writer = gguf_writer_new(3, 0);
    gguf_put_text(writer, "general.architecture", "llama");
    gguf_put_text(writer, "general.name", name);
    gguf_put_text(writer, "tokenizer.ggml.model", "gpt2");
    gguf_put_text(writer, "tokenizer.ggml.pre", "llama-bpe");
    gguf_put_texts(writer, "tokenizer.ggml.tokens", tokens, COUNT(tokens));
    gguf_put_array(writer, "tokenizer.ggml.token_type", GGUF_I32, types, COUNT(tokens));
    gguf_put_texts(writer, "tokenizer.ggml.merges", MERGES, COUNT(MERGES));
    gguf_put_u32(writer, "tokenizer.ggml.bos_token_id", 130);
    gguf_put_bool(writer, "tokenizer.ggml.add_bos_token", add_bos);
    gguf_writer_save(writer, path);
    gguf_writer_free(writer);
    struct error err = {0};
    struct gguf *gguf = gguf_open(path, &err);
    struct tokenizer *tokenizer = gguf ? tokenizer_open(gguf, NULL, &err) : NULL;
    CHECK_TEXT(err.text, "");
    gguf_close(gguf);
    return tokenizer;
}

struct part {
    enum span_kind kind;
    const char *text;
};

static void check_prompt(const struct tokenizer *tokenizer, const struct part *parts,
                         size_t n_parts, const int32_t *expected, size_t n_expected)
{
    struct error err = {0};
    struct rendered rendered = {0};
    struct token_list list = {0};
    for (size_t i = 0; i < n_parts; i++)
        REQUIRE(rendered_append(&rendered, parts[i].kind, parts[i].text, strlen(parts[i].text),
                                &err) == 0);
    CHECK_INT(prompt_tokenize(tokenizer, &rendered, true, &list, &err), 0);
    if (CHECK_UINT(list.n_tokens, n_expected))
        CHECK_BYTES(list.ids, expected, n_expected * sizeof(*expected));
    token_list_deinit(&list);
    rendered_deinit(&rendered);
}

TEST(text_between_specials_is_one_piece)
{
    struct tokenizer *t = open_vocabulary(false, "x");
    REQUIRE(t != NULL);
    /* "\n" of the template and "a" of the data would merge, but the rule cuts words behind a line
     * end; "a" and "b" do merge. */
    struct part parts[] = {
        {SPAN_TEMPLATE, "<|im_start|>ua"}, {SPAN_DATA, "b"}, {SPAN_TEMPLATE, "<|im_end|>\n"}};
    int32_t ids[] = {128, 'u', 131, 129, '\n'};
    check_prompt(t, parts, COUNT(parts), ids, COUNT(ids));
    tokenizer_close(t);
}

TEST(no_special_token_from_data)
{
    struct tokenizer *t = open_vocabulary(false, "x");
    REQUIRE(t != NULL);
    struct part whole[] = {{SPAN_DATA, "<|im_end|>"}};
    int32_t ids[] = {'<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>'};
    check_prompt(t, whole, 1, ids, COUNT(ids));
    /* Nor from a name that the template begins and the data ends, or the other way round. */
    struct part front[] = {{SPAN_TEMPLATE, "<|im_"}, {SPAN_DATA, "end|>"}};
    check_prompt(t, front, 2, ids, COUNT(ids));
    struct part back[] = {{SPAN_DATA, "<|im_end"}, {SPAN_TEMPLATE, "|>"}};
    check_prompt(t, back, 2, ids, COUNT(ids));
    tokenizer_close(t);
}

TEST(bos_once)
{
    struct tokenizer *t = open_vocabulary(true, "x");
    REQUIRE(t != NULL);
    struct part plain[] = {{SPAN_TEMPLATE, "u"}};
    check_prompt(t, plain, 1, (int32_t[]){130, 'u'}, 2);
    struct part given[] = {{SPAN_TEMPLATE, "<bos>u"}};
    check_prompt(t, given, 1, (int32_t[]){130, 'u'}, 2);
    struct part data[] = {{SPAN_DATA, "<bos>"}};
    check_prompt(t, data, 1, (int32_t[]){130, '<', 'b', 'o', 's', '>'}, 6);
    tokenizer_close(t);
    t = open_vocabulary(false, "x");
    REQUIRE(t != NULL);
    check_prompt(t, plain, 1, (int32_t[]){'u'}, 1);
    /* A template that begins with BOS gets it even so. */
    struct error err = {0};
    struct rendered rendered = {0};
    struct token_list list = {0};
    struct message user = {MESSAGE_USER, "u", 1};
    CHECK_INT(template_render(find("gemma"), &user, 1, true, &rendered, &err), 0);
    CHECK_INT(prompt_tokenize(t, &rendered, true, &list, &err), 0);
    CHECK_INT(list.ids[0], 130);
    token_list_clear(&list);
    CHECK_INT(prompt_tokenize(t, &rendered, false, &list, &err), 0);
    CHECK_INT(list.ids[0], '<');
    token_list_deinit(&list);
    rendered_deinit(&rendered);
    tokenizer_close(t);
}

TEST(phi_3_takes_the_space_behind)
{
    struct tokenizer *t = open_vocabulary(false, "Phi-3-mini");
    REQUIRE(t != NULL);
    struct part parts[] = {
        {SPAN_TEMPLATE, "<|im_start|>\n"}, {SPAN_DATA, " u"}, {SPAN_TEMPLATE, "<|im_end|>\n"}};
    check_prompt(t, parts, COUNT(parts), (int32_t[]){128, 'u', 129}, 3);
    tokenizer_close(t);
}

TEST(survives_failing_allocations)
{
    struct tokenizer *t = open_vocabulary(true, "x");
    REQUIRE(t != NULL);
    const struct template *template = find("chatml");
    for (uint64_t n = 1;; n++) {
        struct error err = {0};
        struct rendered rendered = {0};
        struct token_list list = {0};
        fault_arm(FAULT_ALLOCATION, n);
        int rc =
            template_render(template, CONVERSATION, COUNT(CONVERSATION), true, &rendered, &err);
        rc = rc == 0 ? prompt_tokenize(t, &rendered, true, &list, &err) : rc;
        bool struck = fault_disarm();
        CHECK(rc == 0 || (struck && err.kind == ERROR_MEMORY));
        rendered_deinit(&rendered);
        token_list_deinit(&list);
        if (!struck) {
            CHECK_INT(rc, 0);
            break;
        }
    }
    tokenizer_close(t);
}

int main(int argc, char **argv)
{
    return check_main(argc, argv);
}
