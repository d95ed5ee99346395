#include "curves_svg.h"

#include "../utf8_check.h"
#include "binomial.h"

#include <math.h>
#include <string.h>

/* Pixels. A row is a heading and two square panels; the right one has the histogram of p_yes below
 * it. */
#define WIDTH      760
#define ROW        430
#define PANEL      270
#define PANEL_TOP  88
#define LEFT_X     64
#define RIGHT_X    446
#define HISTOGRAM  40
#define CONFIDENCE 0.95

static const char STYLE[] =
    "<style>\n"
    "svg { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; }\n"
    ".paper { fill: #fdfdfc; } .frame { fill: none; stroke: #c9c7c1; }\n"
    ".grid { stroke: #eceae4; } .text { fill: #22221f; } .muted { fill: #6f6d66; }\n"
    ".name { font-size: 17px; font-weight: 600; } .axis { font-size: 11px; }\n"
    ".curve { fill: none; stroke: #1f5fbf; stroke-width: 2; stroke-linejoin: round; }\n"
    ".under { fill: #1f5fbf; opacity: .09; } .dash { stroke: #8d8b84; stroke-dasharray: 4 4; }\n"
    ".join { fill: none; stroke: #1f5fbf; opacity: .35; } .dot { fill: #1f5fbf; stroke: #fdfdfc; } "
    ".range { stroke: #1f5fbf; opacity: .55; }\n"
    ".mark { fill: #c4501b; stroke: #fdfdfc; stroke-width: 1.5; } .bar { fill: #1f5fbf; opacity: "
    ".3; }\n"
    ".markname { fill: #a8410f; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    ".paper { fill: #191a1c; } .frame { stroke: #46484d; } .grid { stroke: #2b2d31; }\n"
    ".text { fill: #eceae6; } .muted { fill: #a09e98; } .dash { stroke: #77797f; }\n"
    ".curve, .join, .range { stroke: #7db0ff; } .under, .bar { fill: #7db0ff; }\n"
    ".dot { fill: #7db0ff; stroke: #191a1c; } .mark { fill: #ff9d68; stroke: #191a1c; }\n"
    ".markname { fill: #ff9d68; }\n"
    "}\n"
    "</style>\n";

/* A square of the unit square: [x] pixels from the left, [y] from the top, y growing upwards. */
struct panel {
    double x, y;
};

static double px(const struct panel *panel, double x)
{
    return panel->x + x * PANEL;
}

static double py(const struct panel *panel, double y)
{
    return panel->y + (1 - y) * PANEL;
}

/* XML's own characters by name; what is no character of XML as a space, so that one bad byte does
 * not make the picture unreadable. */
static void put_text(struct out *out, const char *text, size_t most_bytes)
{
    size_t n_bytes = strlen(text), end = n_bytes < most_bytes ? n_bytes : most_bytes;
    for (size_t i = 0, n; i < end; i += n ? n : 1) {
        unsigned char c = (unsigned char)text[i];
        n = utf8_char_bytes(text + i, n_bytes - i);
        if (c == '<' || c == '&' || c == '>')
            out_text(out, c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&amp;");
        else if (n == 0 || c < 0x20 || c == 0x7f)
            out_char(out, ' ');
        else
            out_bytes(out, text + i, n);
    }
    out_text(out, end < n_bytes ? "…" : "");
}

static void put_frame(struct out *out, const struct panel *panel, const char *x_name,
                      const char *y_name)
{
    for (int i = 1; i < 5; i++) {
        double at = i / 5.0;
        out_format(out, "<path class=\"grid\" d=\"M%.1f %.1fH%.1fM%.1f %.1fV%.1f\"/>\n",
                   px(panel, 0), py(panel, at), px(panel, 1), px(panel, at), py(panel, 0),
                   py(panel, 1));
    }
    for (int i = 0; i <= 5; i++) {
        double at = i / 5.0;
        out_format(
            out,
            "<text class=\"muted axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g</text>"
            "<text class=\"muted axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n",
            px(panel, at), py(panel, 0) + 16, at, px(panel, 0) - 7, py(panel, at) + 4, at);
    }
    out_format(out, "<rect class=\"frame\" x=\"%.1f\" y=\"%.1f\" width=\"%d\" height=\"%d\"/>\n",
               panel->x, panel->y, PANEL, PANEL);
    out_format(out,
               "<text class=\"text\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>"
               "<text class=\"text\" transform=\"translate(%.1f %.1f) rotate(-90)\" "
               "text-anchor=\"middle\">%s</text>\n",
               px(panel, 0.5), py(panel, 0) + 36, x_name, panel->x - 40, py(panel, 0.5), y_name);
}

/* The step curve that average precision is the area of, from recall 0 to 1. */
static void put_steps(struct out *out, const struct panel *panel, const struct scored *sorted,
                      size_t n, double n_yes)
{
    double true_yes = 0, taken = 0;
    double last_x = -1, last_y = -1;
    for (size_t i = 0, end; i < n; i = end) {
        end = metrics_step_end(sorted, n, i);
        for (; i < end; i++)
            true_yes += sorted[i].yes;
        taken = (double)end;
        double x = px(panel, true_yes / n_yes), y = py(panel, true_yes / taken);
        if (last_x < 0)
            out_format(out, "M%.1f %.1f", px(panel, 0), y);
        if (x - last_x < 0.1 && fabs(y - last_y) < 0.1)
            continue; /* of 100,000 answers only what can be seen */
        out_format(out, "V%.1fH%.1f", y, x);
        last_x = x;
        last_y = y;
    }
}

static void put_precision_recall(struct out *out, const struct judged_question *question,
                                 double threshold, double n_yes)
{
    struct panel panel = {LEFT_X, PANEL_TOP};
    size_t n = question->n_items;
    struct confusion counts = confusion_at(question->items, n, threshold);
    double share = n_yes / (double)n;
    put_frame(out, &panel, "recall", "precision");
    out_format(out, "<path class=\"dash\" d=\"M%.1f %.1fH%.1f\"/>\n", px(&panel, 0),
               py(&panel, share), px(&panel, 1));
    out_format(out, "<text class=\"muted axis\" x=\"%.1f\" y=\"%.1f\">%.0f%% are yes</text>\n",
               px(&panel, 0) + 6, py(&panel, share) + (share > 0.1 ? 14 : -6), 100 * share);
    if (n_yes == 0) {
        out_format(out,
                   "<text class=\"muted\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">no "
                   "document is labelled yes</text>\n",
                   px(&panel, 0.5), py(&panel, 0.5));
        return;
    }
    out_text(out, "<path class=\"under\" d=\"");
    put_steps(out, &panel, question->items, n, n_yes);
    out_format(out, "V%.1fH%.1fZ\"/>\n<path class=\"curve\" d=\"", py(&panel, 0), px(&panel, 0));
    put_steps(out, &panel, question->items, n, n_yes);
    out_text(out, "\"/>\n");

    double recall = confusion_recall(&counts), precision = confusion_precision(&counts);
    if (isnan(precision))
        return;
    bool left = recall > 0.6;
    out_format(out, "<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/>", px(&panel, recall),
               py(&panel, precision));
    out_format(out,
               "<text class=\"markname axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">threshold "
               "%g</text>\n",
               px(&panel, recall) + (left ? -10 : 10), py(&panel, precision) + 16,
               left ? "end" : "start", threshold);
}

static void put_calibration(struct out *out, const struct judged_question *question)
{
    struct panel panel = {RIGHT_X, PANEL_TOP};
    struct reliability_bin bins[N_RELIABILITY_BINS];
    uint64_t most = 1;
    reliability_table(question->items, question->n_items, bins);
    for (int b = 0; b < N_RELIABILITY_BINS; b++)
        most = bins[b].n > most ? bins[b].n : most;

    put_frame(out, &panel, "p_yes", "share that is yes");
    out_format(out, "<path class=\"dash\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", px(&panel, 0),
               py(&panel, 0), px(&panel, 1), py(&panel, 1));
    for (int b = 0; b < N_RELIABILITY_BINS; b++) {
        double height = HISTOGRAM * (double)bins[b].n / (double)most;
        out_format(out,
                   "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n",
                   px(&panel, b / 10.0) + 1, py(&panel, 0) - height, PANEL / 10.0 - 2, height);
    }
    bool any = false;
    out_text(out, "<path class=\"join\" d=\"");
    for (int b = 0; b < N_RELIABILITY_BINS; b++) {
        if (bins[b].n == 0)
            continue;
        out_format(out, "%c%.1f %.1f", any ? 'L' : 'M',
                   px(&panel, bins[b].sum_p / (double)bins[b].n),
                   py(&panel, (double)bins[b].n_yes / (double)bins[b].n));
        any = true;
    }
    out_text(out, "\"/>\n");
    for (int b = 0; b < N_RELIABILITY_BINS; b++) {
        if (bins[b].n == 0)
            continue;
        struct interval interval = clopper_pearson(bins[b].n_yes, bins[b].n, CONFIDENCE);
        double x = px(&panel, bins[b].sum_p / (double)bins[b].n);
        double y = py(&panel, (double)bins[b].n_yes / (double)bins[b].n);
        out_format(out,
                   "<path class=\"range\" d=\"M%.1f %.1fV%.1f\"/><circle class=\"dot\" cx=\"%.1f\" "
                   "cy=\"%.1f\" r=\"%.1f\"/>\n",
                   x, py(&panel, interval.low), py(&panel, interval.high), x, y,
                   2.5 + 3.5 * sqrt((double)bins[b].n / (double)most));
    }
}

static void put_question(struct out *out, const struct judged_question *question, double threshold)
{
    const struct scored *items = question->items;
    size_t n = question->n_items;
    double n_yes = 0, auc = roc_auc(items, n), ap = average_precision(items, n);
    for (size_t i = 0; i < n; i++)
        n_yes += items[i].yes;
    out_format(out, "<text class=\"text name\" x=\"%d\" y=\"36\">", LEFT_X);
    put_text(out, question->text ? question->text : question->name, 80);
    out_format(out, "</text>\n<text class=\"muted\" x=\"%d\" y=\"58\">", LEFT_X);
    if (question->text)
        put_text(out, question->name, 40);
    out_format(out, "%s%zu labelled, %.0f yes", question->text ? " · " : "", n, n_yes);
    if (!isnan(auc))
        out_format(out, " · ROC AUC %.3f", auc);
    if (!isnan(ap))
        out_format(out, " · average precision %.3f", ap);
    out_format(out, " · Brier score %.3f</text>\n", brier_score(items, n));
    put_precision_recall(out, question, threshold, n_yes);
    put_calibration(out, question);
}

/* Of a choice there is no curve to draw. */
static bool is_drawn(const struct judged_question *question)
{
    return question->n_items > 0 && !question->is_choice;
}

void curves_svg(const struct answers *answers, double threshold, struct out *out)
{
    int n_rows = 0;
    for (size_t i = 0; i < answers->labels->n_questions; i++)
        n_rows += is_drawn(&answers->questions[i]);
    out_format(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
               "height=\"%d\">\n%s<rect class=\"paper\" width=\"%d\" height=\"%d\"/>\n",
               WIDTH, n_rows * ROW, WIDTH, n_rows * ROW, STYLE, WIDTH, n_rows * ROW);
    int row = 0;
    for (size_t i = 0; i < answers->labels->n_questions; i++) {
        if (!is_drawn(&answers->questions[i]))
            continue;
        out_format(out, "<g transform=\"translate(0 %d)\">\n", row++ * ROW);
        put_question(out, &answers->questions[i], threshold);
        out_text(out, "</g>\n");
    }
    out_text(out, "</svg>\n");
}
