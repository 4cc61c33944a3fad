#include "agent/vm/arrival_mark.h"

#include <charconv>
#include <cstdio>
#include <fmt/format.h>
#include <iostream>
#include <iterator>
#include <pugixml.hpp>
#include <sstream>
#include <string_view>

namespace holdfast {
namespace {

constexpr const char* kNamespace = "https://holdfast.example/arrival/1";
constexpr const char* kName = "holdfast:arrival";

pugi::xml_node find_mark(const pugi::xml_node& domain) {
    for (const pugi::xml_node& node : domain.child("metadata").children()) {
        const std::string_view name = node.name();
        const std::size_t colon = name.find(':');
        if (colon == std::string_view::npos || name.substr(colon + 1) != "arrival") continue;
        const std::string declaration = fmt::format("xmlns:{}", name.substr(0, colon));
        if (std::string_view(node.attribute(declaration.c_str()).value()) == kNamespace)
            return node;
    }
    return {};
}

bool read_number(std::string_view text, std::uint32_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::uint32_t arrival_in(const std::string& xml) {
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) return 0;
    std::uint32_t number = 0;
    const pugi::xml_node mark = find_mark(document.child("domain"));
    return read_number(mark.attribute("number").value(), number) ? number : 0;
}

Result<std::string> with_arrival(const std::string& xml, std::uint32_t number) {
    pugi::xml_document document;
    const pugi::xml_parse_result parsed =
        document.load_buffer(xml.data(), xml.size(), pugi::parse_full);
    if (!parsed) {
        return Unexpected{Error{
            0,
            fmt::format(
                "domain XML: {}, at byte {} [HF-6004]", parsed.description(), parsed.offset)}};
    }
    pugi::xml_node domain = document.child("domain");
    if (!domain) return Unexpected{Error{0, "domain XML: no <domain> in it [HF-6004]"}};
    pugi::xml_node metadata = domain.child("metadata");
    if (!metadata) metadata = domain.append_child("metadata");
    while (const pugi::xml_node old = find_mark(domain)) metadata.remove_child(old);
    pugi::xml_node mark = metadata.append_child(kName);
    mark.append_attribute("xmlns:holdfast") = kNamespace;
    mark.append_attribute("number") = number;
    std::ostringstream text;
    document.save(text, "", pugi::format_raw | pugi::format_no_declaration);
    return text.str();
}

int mark_standard_input(const std::string& number_text) {
    std::uint32_t number = 0;
    if (!read_number(number_text, number) || number == 0) {
        std::fprintf(stderr, "holdfast-vm: --let-in takes the number of an arrival [HF-6004]\n");
        return 1;
    }
    const std::string xml{std::istreambuf_iterator<char>(std::cin),
                          std::istreambuf_iterator<char>()};
    const Result<std::string> marked = with_arrival(xml, number);
    if (!marked) {
        std::fprintf(stderr, "%s\n", marked.error().text.c_str());
        return 1;
    }
    std::fwrite(marked->data(), 1, marked->size(), stdout);
    return 0;
}

}  // namespace holdfast
