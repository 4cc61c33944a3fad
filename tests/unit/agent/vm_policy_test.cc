// The policy in a domain's metadata: every word, every default, and what is said of words that are not known.
#include "agent/vm/vm_policy.h"

#include <pugixml.hpp>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/name_hash.h"

namespace holdfast {
namespace {

VmPolicy policy_of(const std::string& metadata) {
    pugi::xml_document document;
    const std::string xml = "<domain><metadata>" + metadata + "</metadata></domain>";
    EXPECT_TRUE(document.load_string(xml.c_str()));
    return parse_policy(document.child("domain"), "web-1");
}

// A policy element with these attributes.
VmPolicy policy_with(const std::string& attributes) {
    return policy_of("<holdfast:policy xmlns:holdfast='" + std::string(kPolicyNamespace) + "' " +
                     attributes + "/>");
}

std::string only_problem(const VmPolicy& policy) {
    EXPECT_EQ(policy.problems.size(), 1U);
    return policy.problems.empty() ? "" : policy.problems.front();
}

}  // namespace

TEST(VmPolicy, WithoutOneEverythingIsItsDefault) {
    const VmPolicy policy = policy_of("");
    EXPECT_EQ(policy.priority, Priority::Medium);
    EXPECT_EQ(policy.isolation, IsolationResponse::Cluster);
    VmRelations none;
    none.name = name_hash("web-1");
    EXPECT_EQ(policy.relations, none);
    EXPECT_TRUE(policy.problems.empty());
}

TEST(VmPolicy, IsKnownByItsNamespaceNotItsPrefix) {
    const std::string ns = std::string("'") + kPolicyNamespace + "'";
    EXPECT_EQ(policy_of("<p:policy xmlns:p=" + ns + " priority='disabled'/>").priority,
              Priority::Disabled);
    EXPECT_EQ(policy_of("<policy xmlns=" + ns + " priority='lowest'/>").priority, Priority::Lowest);
    EXPECT_EQ(policy_of("<holdfast:policy xmlns:holdfast='urn:else' priority='high'/>").priority,
              Priority::Medium);
}

TEST(VmPolicy, EachWordIsRead) {
    const VmPolicy policy = policy_with(
        "priority='highest' isolation='poweroff' after=' db:agent, queue ' after-delay='1500ms' "
        "apart='web' together='shop'");
    EXPECT_TRUE(policy.problems.empty());
    EXPECT_EQ(policy.priority, Priority::Highest);
    EXPECT_EQ(policy.isolation, IsolationResponse::PowerOff);
    EXPECT_EQ(policy.relations.after[0], name_hash("db"));
    EXPECT_EQ(policy.relations.after[1], name_hash("queue"));
    EXPECT_EQ(policy.relations.after[2], 0U);
    EXPECT_EQ(policy.relations.after_agent, 1) << "of db, not of queue";
    EXPECT_EQ(policy.relations.after_delay_seconds, 2) << "rounded up";
    EXPECT_EQ(policy.relations.apart, name_hash("web"));
    EXPECT_EQ(policy.relations.together, name_hash("shop"));
}

TEST(VmPolicy, AWordThatIsNotUnderstoodIsSaidAndCountsAsNotSaid) {
    const VmPolicy policy = policy_with("priority='urgent' isolation='leave'");
    EXPECT_NE(only_problem(policy).find("urgent"), std::string::npos);
    EXPECT_NE(only_problem(policy).find("highest"), std::string::npos) << "names what would be";
    EXPECT_EQ(policy.priority, Priority::Medium);
    EXPECT_EQ(policy.isolation, IsolationResponse::Leave) << "the rest counts";
    EXPECT_NE(only_problem(policy_with("isolaton='leave'")).find("isolaton"), std::string::npos);
    EXPECT_EQ(policy_with("isolation='kill'").isolation, IsolationResponse::Cluster);
    EXPECT_NE(only_problem(policy_with("apart=''")), "");
    EXPECT_NE(only_problem(policy_with("after-delay='soon'")), "");
    EXPECT_NE(only_problem(policy_with("after-delay='2h'")), "");
}

TEST(VmPolicy, CannotWaitForItselfNorForTooMany) {
    const VmPolicy itself = policy_with("after='web-1:agent,db'");
    EXPECT_NE(only_problem(itself).find("itself"), std::string::npos);
    EXPECT_EQ(itself.relations.after[0], name_hash("db"));
    const VmPolicy many = policy_with("after='a,b,c,d,e'");
    EXPECT_NE(only_problem(many).find("more than 4"), std::string::npos);
    EXPECT_EQ(many.relations.after[3], name_hash("d"));
}

TEST(VmPolicy, ControlCharactersOfForeignXmlDoNotReachTheLog) {
    const std::string problem = only_problem(policy_with("priority='&#10;x&#27;[2J'"));
    EXPECT_EQ(problem.find('\n'), std::string::npos);
    EXPECT_EQ(problem.find('\033'), std::string::npos);
}

}  // namespace holdfast
